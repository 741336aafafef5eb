import type { ManagerConnection } from '../../../src/bridge/clusters/manager-connection.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import type { SimulatedClock } from '../../../src/gateways/simulated/clock.js';
import { GetWorkspacesResponse, type WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import type { ClientCallOptions } from '../../../src/grpc/client.js';
import type { AnswerStream } from '../../../src/grpc/client-stream.js';
import type { LifeClock } from './life-clock.js';
import type { SimulatedManager } from './manager.js';
import { StatusSubscription } from './subscription.js';
import type { BridgeTrouble } from './trouble.js';

/** Of a call that names no deadline. */
const DEADLINE_MS = 30_000;

export interface NetworkOptions {
  readonly clock: LifeClock;
  /** That of the managers, which goes on when the bridge does not. */
  readonly time: SimulatedClock;
  readonly trouble: BridgeTrouble;
  readonly announces: boolean;
  readonly onHeard: (status: WorkspaceStatus) => void;
  /** A call begins. */
  readonly operate: (name: string) => void;
}

/** What a bridge has of one manager: the calls it makes, over a network that may do anything. */
export class SimulatedConnection implements ManagerConnection {
  readonly #options: NetworkOptions;
  readonly #manager: SimulatedManager;
  readonly #streams = new Set<StatusSubscription>();
  readonly #calls = new Set<(error: StewardError) => void>();

  constructor(manager: SimulatedManager, options: NetworkOptions) {
    this.#manager = manager;
    this.#options = options;
  }

  readonly workspaces: ManagerConnection['workspaces'] = {
    subscribe: (_request, options) => this.#subscribe(options?.signal),
    getWorkspaces: (_request, options) =>
      this.#call('list', options, () =>
        GetWorkspacesResponse.fromPartial({ status: [...this.#manager.listed()] }),
      ),
    describeCluster: (_request, options) => this.#call('describe', options, () => this.#manager.described()),
  };

  readonly contents: ManagerConnection['contents'] = {
    watchTransitions: () => notOffered(),
    listContent: () => Promise.reject(new StewardError('not-implemented', 'It tells statuses only.')),
  };

  close(): void {
    for (const stream of this.#streams) stream.cancel();
    for (const end of this.#calls) end(new StewardError('cancelled', 'The connection was closed.'));
  }

  /** Whoever made it is no more; the managers notice. */
  abandon(): void {
    for (const stream of this.#streams) stream.abandon();
  }

  #subscribe(signal: AbortSignal | undefined): StatusSubscription {
    const { clock, time, trouble, announces, onHeard, operate } = this.#options;
    operate('subscribe');
    const stream = new StatusSubscription({ manager: this.#manager, clock, trouble, announces, onHeard });
    this.#streams.add(stream);
    if (signal?.aborted) stream.cancel();
    const cancel = () => stream.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    stream.over.then(() => {
      this.#streams.delete(stream);
      signal?.removeEventListener('abort', cancel);
    });
    time.schedule(time.now() + trouble.latencyMs(), () => {
      if (clock.isDead) return;
      if (trouble.call() === undefined) stream.arrive();
      else clock.deliver(0, () => stream.fail('The connection was refused.'));
    });
    return stream;
  }

  /** `answer` is asked when the call has come to the manager. */
  #call<Answer>(name: string, options: ClientCallOptions | undefined, answer: () => Answer): Promise<Answer> {
    const { clock, time, trouble, operate } = this.#options;
    operate(name);
    return new Promise((resolve, reject) => {
      const end = (error: StewardError) => {
        settle();
        reject(error);
      };
      const cancel = () => end(new StewardError('cancelled', 'The call was cancelled.'));
      const deadline = clock.deliver(options?.timeoutMs ?? DEADLINE_MS, () =>
        end(new StewardError('deadline-exceeded', `${name} was not answered in time.`)),
      );
      const settle = () => {
        deadline.cancel();
        this.#calls.delete(end);
        options?.signal?.removeEventListener('abort', cancel);
      };
      this.#calls.add(end);
      if (options?.signal?.aborted) return cancel();
      options?.signal?.addEventListener('abort', cancel, { once: true });
      time.schedule(time.now() + trouble.latencyMs(), () => {
        const { isUp, isHanging } = this.#manager;
        const fault = trouble.call();
        if (isHanging || fault === 'hangs') return;
        const answered = isUp && fault === undefined ? { with: answer() } : undefined;
        clock.deliver(trouble.latencyMs(), () => {
          if (answered === undefined) return end(new StewardError('unavailable', 'The manager is away.'));
          settle();
          resolve(answered.with);
        });
      });
    });
  }
}

/** As managers answer that know nothing of contents. */
function notOffered(): AnswerStream<never> {
  const error = new StewardError('not-implemented', 'It tells statuses only.');
  const started = Promise.reject(error);
  started.catch(() => undefined);
  return {
    started,
    cancel: () => undefined,
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }),
  };
}
