/**
 * What a careful user expects of one instance, from what was answered alone. Written by hand from the specification:
 * limits are those of the default configuration, in milliseconds.
 */
const [MINUTE, HOUR] = [60_000, 3_600_000];
const INITIALIZATION = 30 * MINUTE;
const STARTUP = HOUR;
const HEADLESS = HOUR;
const LIFETIME = 36 * HOUR;
const REGULAR = 30 * MINUTE;
const AFTER_CLOSE = 2 * MINUTE;
const HEARTBEAT = 30_000;
/** Records are written and actors are restarted on the way. */
const SLACK = 5_000;

export class ExpectedInstance {
  readonly createdAt: number;
  readonly headless: boolean;
  /** When a limit was set that may have been over at once. */
  limitsSetAt = Number.NEGATIVE_INFINITY;
  timeoutMs = REGULAR;
  /** 0: being closed ends nothing. */
  closedTimeoutMs = AFTER_CLOSE;
  ownsClosedTimeout = false;
  everyone = false;
  ports: readonly number[] = [];
  firstActivity: number | undefined;
  lastActivity: number | undefined;
  closed = false;

  constructor(createdAt: number, headless: boolean) {
    this.createdAt = createdAt;
    this.headless = headless;
  }

  active(at: number, closed: boolean): void {
    this.firstActivity ??= at;
    this.lastActivity = at;
    this.closed = closed;
  }

  expose(port: number): void {
    this.ports = [...this.ports.filter((other) => other !== port), port];
  }

  /** When it has to end at the latest if it stays in this phase, for a manager that came up at `upSince`. */
  endsAt(phase: 'pending' | 'starting' | 'running', upSince: number): number {
    if (phase === 'pending') return this.createdAt + INITIALIZATION;
    if (phase === 'starting') return this.createdAt + STARTUP;
    const lifetime = this.createdAt + LIFETIME;
    if (this.headless) return Math.min(lifetime, this.createdAt + HEADLESS);
    return Math.min(lifetime, this.#leftAloneAt(upSince));
  }

  /** Whether it may still be in that phase now. */
  isOverdue(phase: 'pending' | 'starting' | 'running', upSince: number, now: number): boolean {
    return now > Math.max(this.endsAt(phase, upSince), upSince, this.limitsSetAt) + SLACK;
  }

  /** Whether nothing allows it to have timed out already; `upSince` of the life it timed out in is not known. */
  isTooEarly(now: number): boolean {
    const phases = ['starting', 'running'] as const;
    return phases.every((phase) => now < this.endsAt(phase, Number.NEGATIVE_INFINITY) - SLACK);
  }

  #leftAloneAt(upSince: number): number {
    const [since, limit] =
      this.lastActivity === undefined
        ? [this.createdAt, STARTUP]
        : [this.lastActivity, Math.min(this.timeoutMs, this.#closedLimit())];
    const due = since + limit;
    // A manager that was away gives its users one heartbeat.
    return since < upSince ? Math.max(due, upSince + HEARTBEAT) : due;
  }

  #closedLimit(): number {
    if (!this.closed || (this.ownsClosedTimeout && this.closedTimeoutMs === 0))
      return Number.POSITIVE_INFINITY;
    return this.closedTimeoutMs;
  }
}
