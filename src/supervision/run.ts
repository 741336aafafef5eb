import type { Timer } from '../gateways/clock.js';
import { WORKER_START_MS } from './bounds.js';
import type { Child } from './child.js';
import { arm, InterruptibleWait } from './deadline.js';
import type { SupervisorEvent } from './events.js';
import { abnormal, CLEAN, type Exit, type Stopped, toError } from './exit.js';
import { injectFault } from './inject-fault.js';
import { Kill } from './kill.js';
import { RunContext } from './run-context.js';
import type { Nested, RunOwner, StartOutcome } from './run-owner.js';
import type { Shutdown, StartedChild, StartResult } from './spec.js';

/**
 * One generation of a child: starting → running → stopping → over. It ends once: by itself (`exited` is told), by
 * `stop`, or by a failed start. From `stopping` on, an exit is part of the stop and is not told. After a failure
 * its kill hooks run at once; `stop` then waits for them. A start that settles after a kill is told as `late-start`
 * and stopped.
 */
export class Run {
  readonly generation: number;
  readonly nested: Nested | undefined;
  readonly #owner: RunOwner;
  readonly #child: Child;
  readonly #context: RunContext;
  #phase: 'starting' | 'running' | 'stopping' | 'over' = 'starting';
  /** Monotonic milliseconds when it was up. */
  #upAt = 0;
  #ranForMs = 0;
  #started: StartedChild | undefined;
  /** Unsettled only while starting, or after a kill of a start that goes on regardless. */
  #attempt: Promise<StartResult> | undefined;
  /** The child's own stop, once it was called. */
  #stopping: Promise<void> | undefined;
  #ending: Promise<Stopped> | undefined;
  #kill: Kill | undefined;
  /** Wakes whoever waits in `start` or in a graceful stop. */
  #wait: InterruptibleWait | undefined;
  #faultTimer: Timer | undefined;

  constructor(owner: RunOwner, child: Child, nested: Nested | undefined) {
    this.#owner = owner;
    this.#child = child;
    this.nested = nested;
    this.generation = owner.shared.nextGeneration();
    this.#context = new RunContext(owner, child, this.generation);
  }

  get state(): 'starting' | 'running' | 'stopping' {
    return this.#phase === 'over' ? 'stopping' : this.#phase;
  }

  /** True while it is starting or running; false from the moment it ends or is told to. */
  get alive(): boolean {
    return this.#phase === 'starting' || this.#phase === 'running';
  }

  /** How long it was up before it ended by itself. */
  get ranForMs(): number {
    return this.#ranForMs;
  }

  get mailboxDepth(): number | undefined {
    return this.#started?.mailboxDepth?.();
  }

  async start(): Promise<StartOutcome> {
    this.#tell({ type: 'start' });
    this.#attempt = this.#begin();
    const settled = this.#attempt.then(
      (result) => ({ result }),
      (thrown: unknown) => ({ error: toError(thrown) }),
    );
    const inTime = await this.#waitFor(settled, this.#startWithin());
    const outcome = inTime
      ? await settled
      : { error: new Error(`did not start within ${this.#startWithin()} ms`) };
    if (this.#phase !== 'starting') {
      await this.#ending;
      return { result: 'stopped' };
    }
    if ('error' in outcome) return this.#startFailed(outcome.error);
    return outcome.result === 'ignore' ? this.#ignored() : this.#up(outcome.result);
  }

  /** Ends the run within `shutdown`. Called again it gives the same answer; after an end by itself it sweeps. */
  stop(shutdown: Shutdown): Promise<Stopped> {
    this.#ending ??= this.#phase === 'over' ? Promise.resolve(CLEAN) : this.#end(shutdown);
    return this.#ending;
  }

  /** Ends the run now, also when a stop is under way. */
  kill(): Promise<Stopped> {
    const ending = this.stop('brutal-kill');
    this.#wait?.interrupt();
    return ending;
  }

  /** Ends what a failed run has left, and tells about what cannot be ended: nobody waits for its outcome. */
  async #sweep(): Promise<Stopped> {
    const stopped = await this.#killOnce();
    if (stopped.outcome !== 'leaked') return CLEAN;
    this.#tell({ type: 'leak', leaks: stopped.leaks });
    return stopped;
  }

  async #begin(): Promise<StartResult> {
    await injectFault(this.#owner.shared, 'start', this.#context);
    const { spec } = this.#child;
    if (spec.kind === 'worker') return spec.start(this.#context);
    return this.#startNested();
  }

  async #startNested(): Promise<StartResult> {
    const { nested } = this;
    if (nested === undefined) throw new Error('a supervisor child needs its supervisor');
    const outcome = await nested.start();
    if (outcome.result === 'failed') throw outcome.error;
    return { exit: nested.exit };
  }

  #up(started: StartedChild): StartOutcome {
    this.#phase = 'running';
    this.#started = started;
    this.#attempt = undefined;
    this.#upAt = this.#owner.shared.clock.monotonic();
    this.#tell({ type: 'started' });
    this.#watch(started);
    return { result: 'started' };
  }

  #watch(started: StartedChild): void {
    const fault = this.#owner.shared.faults?.at('run', this.#context.path, this.generation);
    const exited = (exit: Exit) => {
      if (fault?.kind === 'hang') return;
      if (fault?.kind === 'slow') this.#exitLater(fault.afterMs, exit);
      else this.#exited(exit);
    };
    if (fault?.kind === 'crash') this.#exitLater(fault.afterMs, abnormal('injected crash'));
    started.exit?.then(exited, (error: unknown) => exited(abnormal(error)));
  }

  #exitLater(ms: number, exit: Exit): void {
    this.#faultTimer = arm(this.#owner.shared.clock, ms, () => this.#exited(exit));
  }

  #exited(exit: Exit): void {
    if (this.#phase !== 'running') return;
    this.#ranForMs = this.#owner.shared.clock.monotonic() - this.#upAt;
    this.#tell({ type: 'exit', exit });
    this.#over();
    if (exit.kind === 'abnormal') this.#ending = this.#sweep();
    this.#owner.exited(this.#child, this, exit);
  }

  #ignored(): StartOutcome {
    this.#attempt = undefined;
    this.#tell({ type: 'ignored' });
    this.#over();
    return { result: 'ignored' };
  }

  async #startFailed(error: Error): Promise<StartOutcome> {
    this.#tell({ type: 'start-failed', error });
    this.#over();
    this.#ending = this.#sweep();
    await this.#ending;
    return { result: 'failed', error };
  }

  async #end(shutdown: Shutdown): Promise<Stopped> {
    const wasStarting = this.#phase === 'starting';
    this.#phase = 'stopping';
    this.#tell({ type: 'stop' });
    const asked = shutdown === 'brutal-kill' ? undefined : this.#ask(wasStarting);
    if (wasStarting) this.#wait?.interrupt();
    const { stopped, error } =
      asked === undefined || shutdown === 'brutal-kill'
        ? { stopped: await this.#killOnce(), error: undefined }
        : await this.#graceful(asked, shutdown);
    this.#over();
    this.#tell({ type: 'stopped', stopped, ...(error === undefined ? {} : { error }) });
    return stopped;
  }

  async #graceful(
    asked: Promise<Stopped>,
    within: number | 'infinity',
  ): Promise<{ stopped: Stopped; error?: Error }> {
    if (!(await this.#waitFor(asked, within))) return { stopped: await this.#killOnce() };
    try {
      return { stopped: await asked };
    } catch (thrown) {
      return { stopped: await this.#killOnce(), error: toError(thrown) };
    }
  }

  /** Asks the child to stop and resolves when it is gone; rejects when the stop itself failed. */
  async #ask(wasStarting: boolean): Promise<Stopped> {
    if (this.nested !== undefined) {
      await injectFault(this.#owner.shared, 'stop', this.#context);
      return this.nested.stop();
    }
    if (wasStarting) {
      this.#context.abort();
      const result = await this.#attempt?.then(
        (value) => value,
        () => 'failed' as const,
      );
      if (result === 'failed') return this.#leftByFailedStart();
      // Killed meanwhile: what comes late is swept there, and nobody waits for this any more.
      if (this.#kill !== undefined) return CLEAN;
      this.#attempt = undefined;
      if (result === 'ignore' || result === undefined) return CLEAN;
      this.#started = result;
      result.exit?.catch(() => undefined);
    }
    this.#stopping = this.#stopChild(this.#started);
    await this.#stopping;
    return CLEAN;
  }

  async #stopChild(started: StartedChild | undefined): Promise<void> {
    await injectFault(this.#owner.shared, 'stop', this.#context);
    if (started?.stop !== undefined) return started.stop(this.#context.signal);
    this.#context.abort();
    const exit = await this.#exitAfterAbort(started);
    if (exit.kind === 'abnormal') throw exit.error;
  }

  /** A start that fails because it was told to stop has stopped as asked, unless it left something behind. */
  async #leftByFailedStart(): Promise<Stopped> {
    const stopped = await this.#killOnce();
    return stopped.outcome === 'leaked' ? stopped : CLEAN;
  }

  /** A task that answers its signal by throwing the signal's reason has stopped as asked. */
  async #exitAfterAbort(started: StartedChild | undefined): Promise<Exit> {
    try {
      return (await started?.exit) ?? { kind: 'normal' };
    } catch (thrown) {
      return this.#context.isAbortReason(thrown) ? { kind: 'shutdown' } : abnormal(thrown);
    }
  }

  #killOnce(): Promise<Stopped> {
    this.#kill ??= new Kill(this.#owner.shared.clock, this.#context, this.nested);
    const pending = [this.#attempt, this.#started?.exit, this.#stopping].filter((work) => work !== undefined);
    this.#sweepLateStart();
    return this.#kill.run(pending);
  }

  #sweepLateStart(): void {
    this.#attempt?.then(
      (result) => {
        if (result === 'ignore' || this.nested !== undefined) return;
        this.#tell({ type: 'late-start' });
        result.exit?.catch(() => undefined);
        result.stop?.(this.#context.signal).catch(() => undefined);
      },
      () => undefined,
    );
  }

  #over(): void {
    this.#phase = 'over';
    this.#faultTimer?.cancel();
    this.#context.revoke();
  }

  /** Whether `work` settles before `ms` have passed and before somebody interrupts. */
  #waitFor(work: Promise<unknown>, ms: number | 'infinity'): Promise<boolean> {
    const wait = new InterruptibleWait();
    this.#wait = wait;
    return wait.for(this.#owner.shared.clock, work, ms);
  }

  #startWithin(): number | 'infinity' {
    const { spec } = this.#child;
    return spec.kind === 'worker' ? (spec.startWithinMs ?? WORKER_START_MS) : 'infinity';
  }

  #tell(event: RunEvent): void {
    this.#owner.shared.tell({ ...event, path: this.#context.path, generation: this.generation });
  }
}

type OfRun<Event> = Event extends { readonly generation: number }
  ? Omit<Event, 'at' | 'path' | 'generation'>
  : never;
type RunEvent = OfRun<SupervisorEvent>;
