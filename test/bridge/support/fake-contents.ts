import type { ContentClient } from '../../../src/bridge/contents/content-feed.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { ContentStatus } from '../../../src/gen/steward/v1/content.js';
import {
  ContentProgress,
  type WatchTransitionsRequest,
  type WatchTransitionsResponse,
} from '../../../src/gen/steward/v1/content_service.js';
import { Transition } from '../../../src/gen/steward/v1/transition.js';
import { WorkspaceContentState } from '../../../src/gen/ws-daemon-api/daemon.js';
import type { AnswerStream } from '../../../src/grpc/client-stream.js';

export interface Step {
  readonly node: string;
  readonly instance: string;
  readonly actor: string;
  readonly to: string;
}

interface Node {
  kept: Transition[];
  newest: bigint;
}

/** Content states by the first word of a step, by hand from the wire's documentation. */
const states: Readonly<Record<string, WorkspaceContentState>> = {
  settingUp: WorkspaceContentState.SETTING_UP,
  available: WorkspaceContentState.AVAILABLE,
  wrappingUp: WorkspaceContentState.WRAPPING_UP,
};

/** What managers tell of their actors, and what is true: with histories that end, and streams that a test cuts. */
export class FakeContents implements ContentClient {
  readonly truth = new Map<string, Step & { readonly sequence: bigint; readonly at: number }>();
  readonly requests: WatchTransitionsRequest[] = [];
  lists = 0;
  offered = true;
  /** How much nodes' clocks are ahead, in milliseconds. */
  readonly ahead = new Map<string, number>();
  /** It takes a stream, and tells nothing in it. */
  isMute = false;
  #progress = 0;
  /** Called before a list is put together, and before it is answered. */
  onList: () => Promise<void> | void = () => undefined;
  readonly #nodes = new Map<string, Node>();
  readonly #streams = new Set<{ readonly cut: AbortController; wake: () => void; onNoted: () => void }>();
  #clock = Date.UTC(2026, 0, 1);

  step(step: Step): void {
    const node = this.#node(step.node);
    node.newest += 1n;
    this.#clock += 1_000;
    const { instance, actor, to } = step;
    const at = this.#clock + (this.ahead.get(step.node) ?? 0);
    node.kept.push(
      Transition.fromPartial({
        ...{ sequence: node.newest, atMs: BigInt(at), instanceId: instance, actor, to },
        ...{ cause: `to-${to}`, detail: '', node: step.node },
      }),
    );
    this.truth.set(`${instance} ${actor}`, { ...step, sequence: node.newest, at });
    for (const stream of this.#streams) stream.wake();
  }

  /** The node keeps only its newest `count` transitions. */
  forget(node: string, count: number): void {
    const { kept } = this.#node(node);
    kept.splice(0, Math.max(0, kept.length - count));
  }

  /** The node lost what it counted, and tells where its actors are once more. */
  startAnew(name: string): void {
    this.#nodes.set(name, { kept: [], newest: 0n });
    const living = [...this.truth.values()].filter((step) => step.node === name);
    for (const step of living) this.step(step);
    this.cut();
  }

  /** It is in the middle of a transfer; resolves when all who listen have taken note. */
  async progress(): Promise<void> {
    this.#progress += 1;
    const noted = [...this.#streams].map(
      (stream) =>
        new Promise<void>((resolve) => {
          stream.onNoted = resolve;
          stream.wake();
        }),
    );
    await Promise.all(noted);
  }

  cut(): void {
    for (const stream of this.#streams) stream.cut.abort();
  }

  get streams(): number {
    return this.#streams.size;
  }

  watchTransitions: ContentClient['watchTransitions'] = (request, options) => {
    this.requests.push(request);
    const leaving = new AbortController();
    const signals = [leaving.signal, ...(options?.signal === undefined ? [] : [options.signal])];
    const answers = this.#watch(request, AbortSignal.any(signals));
    const stream: AnswerStream<WatchTransitionsResponse> = {
      started: Promise.resolve(),
      cancel: () => leaving.abort(),
      [Symbol.asyncIterator]: () => answers,
    };
    return stream;
  };

  listContent: ContentClient['listContent'] = async () => {
    this.lists += 1;
    await this.onList();
    const contents = [...this.truth.values()].filter(({ actor }) => actor === 'content');
    await this.onList();
    return {
      contents: contents.map(({ instance, node, to, sequence, at }) =>
        ContentStatus.fromPartial({
          ...{ instanceId: instance, node, step: to, cause: `to-${to}`, sequence },
          state: states[/^\w*/.exec(to)?.[0] ?? ''] ?? WorkspaceContentState.NONE,
          stepSinceMs: BigInt(at),
        }),
      ),
      nextPageToken: '',
    };
  };

  async *#watch(request: WatchTransitionsRequest, signal: AbortSignal) {
    if (!this.offered) throw new StewardError('not-implemented', 'no such service');
    const stream = { cut: new AbortController(), wake: () => {}, onNoted: () => {} };
    let noted = this.#progress;
    const ended = AbortSignal.any([stream.cut.signal, signal]);
    ended.addEventListener('abort', () => stream.wake());
    this.#streams.add(stream);
    try {
      const next = new Map<string, bigint>();
      for (const [name, { newest }] of this.#nodes) {
        next.set(name, request.fromSequenceByNode[name] ?? request.fromSequence ?? newest + 1n);
      }
      const caughtUp = new Set<string>();
      while (!ended.aborted) {
        let told = false;
        if (noted < this.#progress) {
          noted = this.#progress;
          yield {
            event: { $case: 'progress', value: ContentProgress.fromPartial({ instanceId: 'i-1' }) },
          } as const;
          stream.onNoted();
        }
        for (const [node, { kept, newest }] of this.isMute ? [] : this.#nodes) {
          const from = next.get(node) ?? 1n;
          const oldest = kept[0]?.sequence ?? newest + 1n;
          if (from < oldest) {
            told = true;
            next.set(node, oldest);
            yield gap(node, from, oldest - 1n);
            continue;
          }
          const transition = kept.find(({ sequence }) => sequence === from);
          if (transition !== undefined) {
            told = true;
            next.set(node, from + 1n);
            yield { event: { $case: 'transition', value: transition } } as const;
            continue;
          }
          if (caughtUp.has(node)) continue;
          told = true;
          caughtUp.add(node);
          yield { event: { $case: 'caughtUp', value: { node, sequence: newest } } } as const;
        }
        if (told || ended.aborted) continue;
        await new Promise<void>((resolve) => {
          stream.wake = resolve;
        });
      }
    } finally {
      this.#streams.delete(stream);
    }
    throw new StewardError('unavailable', 'the connection was cut');
  }

  #node(name: string): Node {
    const node = this.#nodes.get(name) ?? { kept: [], newest: 0n };
    this.#nodes.set(name, node);
    return node;
  }
}

function gap(node: string, fromSequence: bigint, toSequence: bigint) {
  return { event: { $case: 'gap', value: { node, fromSequence, toSequence } } } as const;
}
