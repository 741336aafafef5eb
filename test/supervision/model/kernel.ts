/** A step that waits: resumed as soon as the condition holds. */
export type Step<Result> = Generator<() => boolean, Result, void>;

interface Process {
  readonly steps: Step<void>;
  ready: () => boolean;
}

/**
 * The model's world: processes as generators, one clock, no promises. Time moves only when nobody can go on.
 * `tied` tells that two timers were due or two processes could go on at the same moment: their order is nobody's
 * promise, in OTP as here, so such runs are not compared.
 */
export class Kernel {
  now = 0;
  tied = false;
  #processes: Process[] = [];
  #timers: { readonly at: number; readonly action: () => void }[] = [];

  spawn(steps: Step<void>): void {
    this.#processes.push({ steps, ready: () => true });
  }

  after(milliseconds: number, action: () => void): void {
    if (milliseconds !== Number.POSITIVE_INFINITY) this.#timers.push({ at: this.now + milliseconds, action });
  }

  *sleepUntil(at: number): Step<void> {
    if (at <= this.now) return;
    let woken = false;
    this.after(at - this.now, () => {
      woken = true;
    });
    yield () => woken;
  }

  runUntil(end: number): void {
    for (;;) {
      this.#runReady();
      const at = Math.min(...this.#timers.map((timer) => timer.at));
      if (at > end) return;
      const due = this.#timers.filter((timer) => timer.at === at);
      this.#timers = this.#timers.filter((timer) => timer.at !== at);
      if (due.length > 1) this.tied = true;
      this.now = at;
      for (const timer of due) {
        timer.action();
        this.#runReady();
      }
    }
  }

  #runReady(): void {
    for (let next = this.#nextReady(); next !== undefined; next = this.#nextReady()) {
      const step = next.steps.next();
      if (step.done === true) this.#processes = this.#processes.filter((process) => process !== next);
      else next.ready = step.value;
    }
  }

  #nextReady(): Process | undefined {
    const ready = this.#processes.filter((process) => process.ready());
    if (ready.length > 1) this.tied = true;
    return ready[0];
  }
}
