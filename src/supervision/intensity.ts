/** The restarts of the last period, as OTP counts them: a restart exactly one period old still counts. */
export class RestartWindow {
  /** Monotonic milliseconds, oldest first. */
  #restarts: number[] = [];

  /** Counts a restart now and answers how many fall within the period, this one included. */
  add(now: number, periodMs: number): number {
    this.#restarts = this.#within(now, periodMs);
    this.#restarts.push(now);
    return this.#restarts.length;
  }

  used(now: number, periodMs: number): number {
    return this.#within(now, periodMs).length;
  }

  #within(now: number, periodMs: number): number[] {
    return this.#restarts.filter((at) => at + periodMs >= now);
  }
}
