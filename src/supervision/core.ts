import { DEFAULT_INTENSITY_MAX, DEFAULT_PERIOD_MS } from './bounds.js';
import { type Child, forgetPending } from './child.js';
import { abnormal, CLEAN, type Exit, FORCED, SHUTDOWN, type Stopped, worst } from './exit.js';
import { RestartWindow } from './intensity.js';
import { Run } from './run.js';
import type { Nested, RunOwner, StartOutcome } from './run-owner.js';
import { Serial } from './serial.js';
import type { SharedContext } from './shared-context.js';
import type { SupervisorChildSpec, SupervisorSpec } from './spec.js';
import type { SupervisorState } from './supervisor.js';

/**
 * The life of one supervisor: starting → running ⇄ parked, any of them → stopping → stopped.
 *
 * Everything that starts or stops children goes through one queue per supervisor, so that two operations never
 * interleave; children of a dynamic supervisor are independent and have a queue each. Only `stop` and `kill`
 * reach past the queue: they end a start under way. From `stopping` on no operation starts anything.
 */
export abstract class SupervisorCore implements RunOwner {
  readonly shared: SharedContext;
  readonly path: string;
  readonly spec: SupervisorSpec;
  readonly children = new Map<string, Child>();
  readonly exit: Promise<Exit>;
  #resolveExit: (exit: Exit) => void = () => undefined;
  #state: SupervisorState = 'starting';
  #serial: Serial | undefined;
  #window: RestartWindow | undefined;
  #ending: Promise<Stopped> | undefined;
  #parked: { readonly reason: string; readonly since: number } | undefined;

  constructor(shared: SharedContext, path: string, spec: SupervisorSpec) {
    this.shared = shared;
    this.path = path;
    this.spec = spec;
    this.exit = new Promise((resolve) => {
      this.#resolveExit = resolve;
    });
  }

  abstract exited(child: Child, run: Run, exit: Exit): void;
  /** The supervisor that is to run as `child`. */
  protected abstract nest(child: Child, spec: SupervisorChildSpec): Nested;

  get state(): SupervisorState {
    return this.#state;
  }

  /** The same as comparing `state`, for use on both sides of an await. */
  is(state: SupervisorState): boolean {
    return this.#state === state;
  }

  get parked(): { readonly reason: string; readonly since: number } | undefined {
    return this.#parked;
  }

  get dynamic(): boolean {
    return this.spec.strategy === 'dynamic';
  }

  get intensity(): { readonly restarts: number; readonly periodMs: number } {
    return this.spec.intensity ?? { restarts: DEFAULT_INTENSITY_MAX, periodMs: DEFAULT_PERIOD_MS };
  }

  /** The budget a restart of `child` is counted in. */
  windowFor(child: Child): RestartWindow {
    if (this.spec.onExhausted === 'park-child') {
      child.window ??= new RestartWindow();
      return child.window;
    }
    this.#window ??= new RestartWindow();
    return this.#window;
  }

  get window(): RestartWindow | undefined {
    return this.#window;
  }

  /** Starts the children from left to right; a failure stops those started, in reverse. */
  start(): Promise<StartOutcome> {
    return this.inOrder(undefined, () => this.#startAll());
  }

  stop(): Promise<Stopped> {
    this.#ending ??= this.#stopInOrder();
    return this.#ending;
  }

  async kill(): Promise<Stopped> {
    if (this.#state === 'stopped') return this.#ending ?? CLEAN;
    this.#state = 'stopping';
    for (const child of [...this.children.values()].reverse()) void child.run?.kill();
    const stopped = await this.stop();
    return stopped.outcome === 'leaked' ? stopped : FORCED;
  }

  /** Ends from within an operation: by escalation, auto-shutdown or a defect. */
  async endWith(exit: Exit): Promise<void> {
    if (this.#ending !== undefined) return;
    this.#state = 'stopping';
    this.#ending = this.#conclude(exit);
    await this.#ending;
  }

  /** Stops the children from within an operation and waits for `unpark`. */
  async park(reason: string): Promise<void> {
    this.#state = 'parked';
    this.#parked = { reason, since: this.shared.clock.now() };
    this.shared.tell({ type: 'park', path: this.path, reason });
    await this.stopChildren([...this.children.values()]);
  }

  unpark(): void {
    this.#state = 'running';
    this.#parked = undefined;
    this.#window = undefined;
    this.shared.tell({ type: 'unpark', path: this.path });
  }

  async startRun(child: Child): Promise<StartOutcome> {
    child.pending = undefined;
    const nested = child.spec.kind === 'supervisor' ? this.nest(child, child.spec) : undefined;
    const run = new Run(this, child, nested);
    child.run = run;
    child.generation = run.generation;
    const outcome = await run.start();
    if (outcome.result !== 'started' && child.run === run) child.run = undefined;
    if (outcome.result === 'failed') child.failed(abnormal(outcome.error));
    return outcome;
  }

  async stopRun(child: Child): Promise<Stopped> {
    forgetPending(child);
    const { run } = child;
    if (run === undefined) return CLEAN;
    const stopped = await run.stop(child.shutdown);
    if (child.run === run) child.run = undefined;
    child.previous = SHUTDOWN;
    return stopped;
  }

  /** Stops `children` in reverse, each waited for; temporary ones are gone afterwards, as in OTP. */
  async stopChildren(children: readonly Child[]): Promise<Stopped> {
    const stops: Stopped[] = [];
    for (const child of children.toReversed()) {
      stops.push(await this.stopRun(child));
      if (child.spec.restart === 'temporary') this.forget(child);
    }
    return worst(stops);
  }

  forget(child: Child): void {
    if (this.children.get(child.spec.name) === child) this.children.delete(child.spec.name);
  }

  /** Runs `operation` when those before it are done: of `child` in a dynamic supervisor, else of the supervisor. */
  inOrder<Value>(child: Child | undefined, operation: () => Promise<Value>): Promise<Value> {
    if (child !== undefined && this.dynamic) {
      child.serial ??= new Serial();
      return child.serial.run(operation);
    }
    this.#serial ??= new Serial();
    return this.#serial.run(operation);
  }

  /** The same when nobody waits. A rejection here is a defect of this library: the supervisor ends abnormally. */
  inBackground(child: Child, operation: () => Promise<void>): void {
    this.inOrder(child, operation).catch((thrown: unknown) => this.endWith(abnormal(thrown)));
  }

  async #startAll(): Promise<StartOutcome> {
    for (const child of [...this.children.values()]) {
      if (!this.is('starting')) return { result: 'stopped' };
      const outcome = await this.startRun(child);
      if (!this.is('starting')) return { result: 'stopped' };
      if (outcome.result === 'failed') {
        await this.endWith(abnormal(outcome.error));
        return outcome;
      }
      if (outcome.result === 'ignored' && child.spec.restart === 'temporary') this.forget(child);
    }
    if (!this.is('starting')) return { result: 'stopped' };
    this.#state = 'running';
    return { result: 'started' };
  }

  #stopInOrder(): Promise<Stopped> {
    this.#state = 'stopping';
    if (this.dynamic) return this.#conclude(SHUTDOWN);
    // Its operation forgets a run whose start was given up, so its outcome is kept here.
    const starting = [...this.children.values()].filter((child) => child.run?.state === 'starting');
    const stops = starting.map((child) => child.run?.stop(child.shutdown) ?? CLEAN);
    return this.inOrder(undefined, async () => {
      const stopped = await this.#conclude(SHUTDOWN);
      return worst([...(await Promise.all(stops)), stopped]);
    });
  }

  async #conclude(exit: Exit): Promise<Stopped> {
    const children = [...this.children.values()];
    const stopped = this.dynamic
      ? worst(await Promise.all(children.map((child) => this.stopRun(child))))
      : await this.stopChildren(children);
    this.#state = 'stopped';
    this.#resolveExit(exit);
    return stopped;
  }
}
