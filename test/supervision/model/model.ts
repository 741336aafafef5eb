import { Kernel, type Step } from './kernel.js';
import type { Child, Restart, StartResult, Supervisor, WorkerRun } from './model-state.js';
import { endOfKill, endOfStop, endOfStoppedStart, worstOf } from './model-worker.js';
import { type Command, fractions, STEADY, type SupervisorScript, type WorkerScript } from './script.js';

/**
 * A supervisor as OTP's supervisor.erl describes it, written by hand: one process per supervisor that handles one
 * message at a time and may be interrupted only while it waits for a child's start. Ours beyond OTP: pauses before
 * restarts, parking, kills that report what is left.
 */
export class Model {
  readonly kernel = new Kernel();
  readonly log: string[] = [];
  readonly #starts = new Map<string, number>();
  readonly #fraction: () => number;
  readonly #root: Supervisor;

  constructor(script: SupervisorScript, seed: number, commands: readonly Command[]) {
    this.#fraction = fractions(seed);
    this.#root = this.#create('root', script);
    this.kernel.spawn(this.#life(this.#root));
    for (const command of commands) this.kernel.after(command.at, () => this.#command(command));
  }

  run(until: number): readonly string[] {
    this.kernel.runUntil(until);
    return this.log;
  }

  #create(path: string, script: SupervisorScript): Supervisor {
    const children = script.children.map((child) => ({ script: child, pauses: 0, interrupted: false }));
    return {
      path,
      script,
      children,
      mailbox: [],
      state: 'init',
      told: false,
      done: false,
      restarts: [],
      left: [],
      cut: [],
    };
  }

  *#life(s: Supervisor): Step<void> {
    for (const child of [...s.children]) {
      const result = yield* this.#start(s, child);
      if (s.told) break;
      if (result === 'failed') {
        yield* this.#terminate(s, s.children);
        s.state = 'failed';
        s.done = true;
        return;
      }
      if (result === 'ignored' && child.script.restart === 'temporary') this.#remove(s, child);
    }
    if (!s.told) s.state = 'running';
    while (!s.told && s.state !== 'over') {
      yield () => s.told || s.mailbox.length > 0;
      if (s.told) break;
      yield* (s.mailbox.shift() ?? this.#nothing)();
    }
    s.left = [...s.cut];
    yield* this.#terminate(s, s.children);
    s.done = true;
    if (s.state === 'over') s.onOver?.();
    s.state = 'over';
  }

  *#nothing(): Step<void> {}

  *#start(s: Supervisor, child: Child): Step<StartResult> {
    child.interrupted = false;
    delete child.waiting;
    child.starting = 'worker';
    const { script } = child;
    const result = yield* script.kind === 'worker'
      ? this.#startWorker(s, child, script)
      : this.#startNested(s, child, script);
    delete child.starting;
    return result;
  }

  *#startWorker(s: Supervisor, child: Child, script: WorkerScript): Step<StartResult> {
    const path = `${s.path}/${script.name}`;
    this.#tell('start', path);
    const nth = this.#starts.get(path) ?? 0;
    this.#starts.set(path, nth + 1);
    const behaviour = script.runs[nth] ?? STEADY;
    const began = this.kernel.now;
    const settles =
      began + (behaviour.start.kind === 'hang' ? Number.POSITIVE_INFINITY : behaviour.start.afterMs);
    const within = began + script.startWithinMs;
    yield* this.#sleepUnless(Math.min(settles, within), () => s.told || child.interrupted);
    if (this.kernel.now < settles && this.kernel.now < within) {
      this.#tell('stop', path);
      const stop = endOfStoppedStart(behaviour, this.kernel.now, settles, script.shutdown);
      if (stop.late) this.#lateStart(path, settles);
      const told = s.told;
      yield* this.kernel.sleepUntil(stop.at);
      if (told) s.cut.push(stop.outcome);
      this.#tell(`stopped ${stop.outcome}`, path);
      return 'stopped';
    }
    if (this.kernel.now >= settles && behaviour.start.kind === 'ok') {
      this.#tell('started', path);
      const run: WorkerRun = { behaviour, upAt: this.kernel.now, stopping: false };
      child.run = run;
      if (behaviour.exit !== undefined)
        this.kernel.after(behaviour.exit.afterMs, () => this.#exit(s, child, run, path));
      return 'started';
    }
    if (this.kernel.now >= settles && behaviour.start.kind === 'ignore') {
      this.#tell('ignored', path);
      return 'ignored';
    }
    this.#tell('start-failed', path);
    if (this.kernel.now < settles && !behaviour.obeys && behaviour.start.kind === 'ok')
      this.#lateStart(path, settles);
    const kill = endOfKill(behaviour, this.kernel.now, [settles]);
    yield* this.kernel.sleepUntil(kill.at);
    if (kill.outcome === 'leaked') this.#tell('leak', path);
    return 'failed';
  }

  *#startNested(s: Supervisor, child: Child, script: SupervisorScript): Step<StartResult> {
    const path = `${s.path}/${script.name}`;
    const nested = this.#create(path, script);
    child.starting = nested;
    this.#tell('start', path);
    this.kernel.spawn(this.#life(nested));
    yield () => nested.state !== 'init' || nested.done || s.told || child.interrupted;
    if (nested.state === 'failed') {
      this.#tell('start-failed', path);
      if (worstOf(nested.left) === 'leaked') this.#tell('leak', path);
      return 'failed';
    }
    if (nested.state === 'init') {
      const told = s.told;
      yield* this.#stopNested(s, nested);
      if (told) s.cut.push(worstOf(nested.left));
      return 'stopped';
    }
    this.#tell('started', path);
    child.run = nested;
    const upAt = this.kernel.now;
    nested.onOver = () => {
      if (nested.told) return;
      const ranFor = this.kernel.now - upAt;
      this.#tell('exit shutdown', path);
      s.mailbox.push(() => this.#handleExit(s, child, nested, 'shutdown', ranFor));
    };
    return 'started';
  }

  #exit(s: Supervisor, child: Child, run: WorkerRun, path: string): void {
    if (run.stopping || run.behaviour.exit === undefined) return;
    const { kind, afterMs } = run.behaviour.exit;
    run.over = { kind, ranFor: afterMs };
    this.#tell(`exit ${kind}`, path);
    if (kind === 'abnormal' && run.behaviour.leaks) this.#tell('leak', path);
    s.mailbox.push(() => this.#handleExit(s, child, run, kind, afterMs));
  }

  *#handleExit(s: Supervisor, child: Child, run: object, kind: string, ranFor: number): Step<void> {
    if (child.run !== run || s.state !== 'running') return;
    delete child.run;
    const { restart } = child.script;
    if (restart === 'permanent' || (restart === 'transient' && kind === 'abnormal')) {
      const { initialMs, maxMs, resetAfterMs } = s.script.backoff;
      if (ranFor >= (resetAfterMs ?? (initialMs + maxMs) / 2)) child.pauses = 0;
      return yield* this.#restart(s, child, 'first');
    }
    if (restart === 'temporary') this.#remove(s, child);
    if (!child.script.significant || s.script.autoShutdown === 'never') return;
    const others = s.children.some((c) => c.script.significant && c !== child && (c.run ?? c.waiting));
    if (s.script.autoShutdown === 'all-significant' && others) return;
    this.#tell('auto-shutdown', s.path);
    s.state = 'over';
  }

  *#restart(s: Supervisor, child: Child, attempt: 'first' | 'again'): Step<void> {
    const { now } = this.kernel;
    const { restarts, periodMs } = s.script.intensity;
    s.restarts = [...s.restarts, now].filter((at) => now - at <= periodMs);
    if (s.restarts.length > restarts) {
      if (s.script.onExhausted === 'park') {
        this.#tell('park', s.path);
        s.state = 'parked';
        yield* this.#terminate(s, s.children);
      } else {
        this.#tell('escalate', s.path);
        s.state = 'over';
      }
      return;
    }
    const pause = this.#pause(s, child);
    this.#tell(`restart after ${pause} (${s.restarts.length})`, `${s.path}/${child.script.name}`);
    const affected = this.#affected(s, child);
    yield* this.#terminate(s, affected);
    const restart: Restart = { members: affected.filter((member) => member.script.restart !== 'temporary') };
    for (const member of restart.members) member.waiting = restart;
    const message = () => this.#startWaiting(s, restart);
    // OTP restarts within the handler of the exit, and leaves the handler between one failed attempt and the next.
    if (pause > 0)
      this.kernel.after(Math.max(0, now + pause - this.kernel.now), () => s.mailbox.push(message));
    else if (attempt === 'first') yield* message();
    else s.mailbox.push(message);
  }

  *#startWaiting(s: Supervisor, restart: Restart): Step<void> {
    for (const member of restart.members) {
      if (s.told || s.state !== 'running') return;
      if (member.waiting !== restart) continue;
      const result = yield* this.#start(s, member);
      if (result !== 'failed') continue;
      if (!s.told) yield* this.#restart(s, member, 'again');
      return;
    }
  }

  *#terminate(s: Supervisor, children: readonly Child[]): Step<void> {
    for (const child of [...children].reverse()) {
      yield* this.#stopChild(s, child);
      if (child.script.restart === 'temporary') this.#remove(s, child);
    }
  }

  *#stopChild(s: Supervisor, child: Child): Step<void> {
    const { run, script } = child;
    delete child.waiting;
    if (run === undefined) return;
    if ('path' in run) {
      if (!run.done || run.state !== 'over') yield* this.#stopNested(s, run);
    } else if (run.over === undefined) {
      const path = `${s.path}/${script.name}`;
      run.stopping = true;
      this.#tell('stop', path);
      const exitAt = run.behaviour.exit === undefined ? undefined : run.upAt + run.behaviour.exit.afterMs;
      const stop = endOfStop(
        run.behaviour,
        this.kernel.now,
        script.kind === 'worker' ? script.shutdown : 0,
        exitAt,
      );
      yield* this.kernel.sleepUntil(stop.at);
      s.left.push(stop.outcome);
      this.#tell(`stopped ${stop.outcome}`, path);
    } else if (run.over.kind === 'abnormal' && run.behaviour.leaks) {
      s.left.push('leaked');
    }
    delete child.run;
  }

  *#stopNested(s: Supervisor, nested: Supervisor): Step<void> {
    this.#tell('stop', nested.path);
    nested.told = true;
    yield () => nested.done;
    s.left.push(worstOf(nested.left));
    this.#tell(`stopped ${worstOf(nested.left)}`, nested.path);
  }

  *#sleepUnless(at: number, interrupted: () => boolean): Step<void> {
    if (at <= this.kernel.now) return;
    let woken = false;
    this.kernel.after(at - this.kernel.now, () => {
      woken = true;
    });
    yield () => woken || interrupted();
  }

  #lateStart(path: string, at: number): void {
    this.kernel.after(at - this.kernel.now, () => this.#tell('late-start', path));
  }

  #affected(s: Supervisor, child: Child): readonly Child[] {
    if (s.script.strategy === 'one-for-all') return s.children;
    return s.script.strategy === 'one-for-one' ? [child] : s.children.slice(s.children.indexOf(child));
  }

  #pause(s: Supervisor, child: Child): number {
    const { initialMs, maxMs, factor, jitter } = s.script.backoff;
    const plain = Math.min(maxMs, initialMs * factor ** child.pauses);
    child.pauses += 1;
    return Math.round(plain === 0 || jitter === 0 ? plain : plain * (1 + jitter * this.#fraction()));
  }

  #remove(s: Supervisor, child: Child): void {
    s.children = s.children.filter((other) => other !== child);
  }

  #tell(what: string, path: string): void {
    this.log.push(`${this.kernel.now} ${what} ${path}`);
  }

  #command(command: Command): void {
    if (command.kind === 'stop') {
      this.#root.told = true;
      return;
    }
    // The caller of the real one has no root to command before it is up.
    if (this.#root.state === 'init') return;
    const s = this.#find(command.supervisor);
    if (s === undefined || s.told || s.done) return;
    if (command.kind === 'retry') {
      s.mailbox.push(() => this.#retry(s));
      return;
    }
    const child = s.children.find((other) => other.script.name === command.child);
    if (child === undefined || s.state === 'over') return;
    if (command.kind === 'delete') {
      if (child.run === undefined && child.waiting === undefined && child.starting === undefined)
        this.#remove(s, child);
    } else if (command.kind === 'terminate') {
      delete child.waiting;
      child.interrupted = true;
      s.mailbox.push(() => this.#terminateOne(s, child));
    } else {
      s.mailbox.push(() => this.#restartOne(s, child));
    }
  }

  *#terminateOne(s: Supervisor, child: Child): Step<void> {
    if (!s.children.includes(child)) return;
    yield* this.#stopChild(s, child);
    if (child.script.restart === 'temporary') this.#remove(s, child);
  }

  *#restartOne(s: Supervisor, child: Child): Step<void> {
    if (s.state !== 'running' || !s.children.includes(child) || child.run || child.waiting) return;
    const result = yield* this.#start(s, child);
    if (result === 'ignored' && child.script.restart === 'temporary') this.#remove(s, child);
  }

  *#retry(s: Supervisor): Step<void> {
    if (s.state !== 'parked') return;
    this.#tell('unpark', s.path);
    s.state = 'running';
    s.restarts = [];
    const restart: Restart = { members: s.children };
    for (const child of s.children) {
      child.pauses = 0;
      child.waiting = restart;
    }
    yield* this.#startWaiting(s, restart);
  }

  #find(path: string): Supervisor | undefined {
    let found: Supervisor | undefined = this.#root;
    for (const name of path.split('/').slice(1)) {
      const child: Child | undefined = found?.children.find((c) => c.script.name === name);
      const run: Child['run'] | Child['starting'] = child?.run ?? child?.starting;
      found = typeof run === 'object' && 'path' in run ? run : undefined;
    }
    return found;
  }
}
