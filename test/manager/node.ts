import type { StepMetric } from '../../machines/content-types.js';
import type { InstanceId } from '../../machines/ids.js';
import type { CommandEnd } from '../../machines/workspace-phase.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { sleep } from '../../src/gateways/clock.js';
import type { SimulatedClock } from '../../src/gateways/simulated/clock.js';
import type { GitStatus } from '../../src/gen/content-service-api/initializer.js';
import type { ContentDaemon } from '../../src/manager/content-daemon.js';
import type { RunState, WorkspaceRuntime } from '../../src/runtime/workspace-runtime.js';

export type ContentStep = 'setting-up' | 'available' | 'backed-up' | 'discarded';

/** What became of each command; those who wait for a change hear of it at once. */
class Runs extends Map<InstanceId, RunState> {
  readonly #waiting = new Set<() => void>();

  override set(instance: InstanceId, state: RunState): this {
    super.set(instance, state);
    for (const wake of this.#waiting) wake();
    return this;
  }

  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', onAbort);
        end();
      };
      const wake = () => settle(resolve);
      const onAbort = () => settle(() => reject(signal.reason));
      this.#waiting.add(wake);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }
}

/** What the nodes know: it survives every crash of the manager, and notes what must never be. */
export class Node {
  readonly clock: SimulatedClock;
  readonly content = new Map<InstanceId, ContentStep>();
  readonly runs = new Runs();
  readonly starts = new Map<InstanceId, number>();
  readonly environments = new Map<InstanceId, Readonly<Record<string, string>>>();
  readonly initialized: InstanceId[] = [];
  readonly wrongs: string[] = [];
  /** Called before each call of the daemon is answered; what it throws is what the caller gets. */
  fault: (call: string) => Promise<void> = async () => undefined;
  /** Whether an answer of the daemon is lost on its way although the work is done. */
  losesAnswer: () => boolean = () => false;
  initFailure: StewardError | undefined;
  backupFailure: StewardError | undefined;
  snapshotFailure: StewardError | undefined;
  /** Of whom snapshots were asked for, in order. */
  readonly snapshots: InstanceId[] = [];
  setUpMs = 50;
  /** What the daemon says that each step took. */
  setUpMetrics: (signal: AbortSignal) => Promise<readonly StepMetric[]> = async () => [
    { type: 'git', durationMs: 50, sizeBytes: 4_096 },
  ];
  backupMs = 50;
  ignoresTerm = false;

  constructor(clock: SimulatedClock) {
    this.clock = clock;
  }

  #daemon = new AbortController();
  isDaemonUp = true;

  /** SIGKILL of the daemon alone: nothing under way is answered, what it holds is there when it comes back. */
  killDaemon(): void {
    this.isDaemonUp = false;
    this.#daemon.abort(GONE);
    this.#daemon = new AbortController();
  }

  startDaemon(): void {
    this.isDaemonUp = true;
  }

  /** Aborts with the daemon's present life. */
  get daemonLife(): AbortSignal {
    return this.#daemon.signal;
  }

  end(instance: InstanceId, code: number): void {
    if (this.runs.get(instance)?.state !== 'running') return;
    this.runs.set(instance, { state: 'ended', end: { kind: 'exited', code } });
  }

  dispose(instance: InstanceId, backup: boolean): void {
    const step = this.content.get(instance);
    if (step === undefined) throw new StewardError('unknown-instance', 'the daemon does not know it');
    if (step === 'backed-up' || step === 'discarded') return;
    if (this.runs.get(instance)?.state === 'running')
      this.wrongs.push('content was taken from a running command');
    this.content.set(instance, backup && step === 'available' ? 'backed-up' : 'discarded');
  }
}

/** What one life of the manager sees of the nodes. Once it is dead nothing answers and nothing happens. */
export class Sight {
  isDead = false;
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  readonly daemon: ContentDaemon = {
    init: (request, signal) =>
      this.#call('init', signal, async (until) => {
        const node = this.#node;
        if (node.content.has(request.instance)) throw new StewardError('already-exists', 'it is known');
        if (node.initFailure !== undefined) throw node.initFailure;
        node.content.set(request.instance, 'setting-up');
        node.initialized.push(request.instance);
        await this.#whenReady(request.instance, until);
      }),
    waitForInit: (instance, signal) =>
      this.#call('wait', signal, (until) => this.#whenReady(instance, until)),
    setUpMetrics: (_, signal) =>
      this.#call('setUpMetrics', signal, (until) => this.#node.setUpMetrics(until)),
    exists: (instance, signal) => this.#call('exists', signal, async () => this.#node.content.has(instance)),
    dispose: (instance, { backup }, signal) =>
      this.#call('dispose', signal, async (until) => {
        if (backup) await sleep(this.#node.clock, this.#node.backupMs, until);
        if (backup && this.#node.backupFailure !== undefined) throw this.#node.backupFailure;
        this.#node.dispose(instance, backup);
        return backup ? GIT : undefined;
      }),
    snapshot: (instance, returnImmediately, signal) =>
      this.#call('snapshot', signal, async (until) => {
        if (!returnImmediately) await sleep(this.#node.clock, this.#node.backupMs, until);
        if (this.#node.snapshotFailure !== undefined) throw this.#node.snapshotFailure;
        this.#node.snapshots.push(instance);
        return `owner/workspaces/${instance}/snapshot@steward`;
      }),
    backup: (instance, signal) => this.#call('backup', signal, async () => `backup-of-${instance}@steward`),
  };

  readonly runtime: WorkspaceRuntime = {
    start: ({ instance, env }) =>
      this.#alive(async () => {
        const { runs, starts, environments } = this.#node;
        const known = runs.get(instance);
        if (known !== undefined) return known;
        starts.set(instance, (starts.get(instance) ?? 0) + 1);
        environments.set(instance, env);
        runs.set(instance, { state: 'running' });
        return { state: 'running' };
      }),
    adopt: (instance) => this.#alive(async () => this.#run(instance)),
    ended: (instance, signal) =>
      this.#alive(async () => {
        for (;;) {
          const run = this.#run(instance);
          if (run.state === 'ended') return run.end;
          if (run.state !== 'running') return { kind: 'lost', reason: 'unknown' } satisfies CommandEnd;
          await this.#node.runs.changed(signal);
        }
      }),
    stop: (instance, killAt, signal) =>
      this.#alive(async () => {
        const { runs, clock, ignoresTerm } = this.#node;
        const run = this.#run(instance);
        if (run.state === 'ended') return run.end;
        runs.set(instance, run.state === 'running' ? run : { state: 'never-started' });
        if (run.state !== 'running') return undefined;
        if (ignoresTerm) await sleep(clock, killAt - clock.now(), signal);
        this.#node.end(instance, ignoresTerm ? 137 : 143);
        return { kind: 'exited', code: ignoresTerm ? 137 : 143 };
      }),
    logs: async function* () {},
    exec: () => Promise.reject(new Error('nothing runs here')),
    authorize: async () => undefined,
    listener: async () => undefined,
    remove: (instance) =>
      this.#alive(async () => {
        this.#node.runs.delete(instance);
      }),
  };

  #run(instance: InstanceId): RunState {
    return this.#node.runs.get(instance) ?? { state: 'absent' };
  }

  async #whenReady(instance: InstanceId, signal: AbortSignal): Promise<void> {
    await sleep(this.#node.clock, this.#node.setUpMs, signal);
    const step = this.#node.content.get(instance);
    if (step === undefined) throw new StewardError('unknown-instance', 'the daemon does not know it');
    if (step !== 'setting-up' && step !== 'available')
      throw new StewardError('wrong-state', 'it was disposed');
    this.#node.content.set(instance, 'available');
  }

  #call<Answer>(
    name: string,
    signal: AbortSignal,
    work: (until: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    return this.#alive(async () => {
      signal.throwIfAborted();
      await this.#node.fault(name);
      if (this.isDead) await new Promise(() => undefined);
      if (!this.#node.isDaemonUp) throw GONE;
      const answer = await work(AbortSignal.any([signal, this.#node.daemonLife]));
      if (this.#node.losesAnswer()) throw GONE;
      return answer;
    });
  }

  async #alive<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    if (this.isDead) await new Promise(() => undefined);
    const answer = await work();
    if (this.isDead) await new Promise(() => undefined);
    return answer;
  }
}

const GONE = new StewardError('unavailable', 'the daemon is gone');

const GIT: GitStatus = {
  branch: 'main',
  latestCommit: 'abc',
  uncommitedFiles: ['README.md'],
  untrackedFiles: [],
  unpushedCommits: [],
  totalUncommitedFiles: 1n,
  totalUntrackedFiles: 0n,
  totalUnpushedCommits: 0n,
};
