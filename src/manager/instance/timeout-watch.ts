import {
  type DueTimeout,
  dueTimeouts,
  exceeded,
  type TimeoutLimits,
  timeoutReason,
} from '../../../machines/workspace-timeout.js';
import type { Clock, Timer } from '../../gateways/clock.js';
import { MAINTENANCE_CHECK_MS } from '../bounds.js';
import type { Maintenance } from '../maintenance.js';
import type { InstanceRecord } from './instance-record.js';

export interface TimeoutOptions {
  readonly limits: TimeoutLimits;
  readonly maintenance: Pick<Maintenance, 'until'>;
  /**
   * When this life of the manager began, and how long users get then to say that they are there: while it was away they
   * could not, so nothing that their activity puts off is over before.
   */
  readonly startedAt: number;
  readonly heartbeatMs: number;
}

/** The deadlines that an instance has as things stand, and what became of the first that was over. */
export class TimeoutWatch {
  readonly #clock: Clock;
  readonly #options: TimeoutOptions;
  readonly #onTimeout: (reason: string) => void;
  #record: InstanceRecord | undefined;
  /** When the record was last looked at: of what is noted as later, the clock was ahead then. */
  #seenAt = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, options: TimeoutOptions, onTimeout: (reason: string) => void) {
    this.#clock = clock;
    this.#options = options;
    this.#onTimeout = onTimeout;
  }

  /** Follows a newer record; its deadlines replace those of the one before. */
  follow(record: InstanceRecord | undefined): void {
    this.#record = record;
    this.#seenAt = this.#clock.now();
    this.#arm(this.#next());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#record = undefined;
  }

  #arm(at: number | undefined): void {
    this.#timer?.cancel();
    this.#timer = at === undefined ? undefined : this.#clock.schedule(at, () => void this.#look());
  }

  #next(): number | undefined {
    const times = this.#due().map(({ at }) => at);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #due(): readonly DueTimeout[] {
    if (this.#record === undefined || this.#record.life.timedOut !== '') return [];
    return timeoutsOf(this.#record, this.#options, this.#seenAt);
  }

  /** Maintenance puts everything off. A file that cannot be read announces none, and a look never fails. */
  async #look(): Promise<void> {
    const until = await this.#options.maintenance.until().catch(() => undefined);
    const now = this.#clock.now();
    if (until !== undefined) {
      this.#arm(this.#record === undefined ? undefined : Math.min(until, now + MAINTENANCE_CHECK_MS));
      return;
    }
    this.#seenAt = Math.min(this.#seenAt, now);
    const over = exceeded(this.#due(), now);
    if (over === undefined) this.#arm(this.#next());
    else this.#onTimeout(timeoutReason(over, now));
  }
}

/**
 * What may time out as things stand at `seenAt`, with the time that users get after the manager was away. Nobody was
 * active later than that.
 */
export function timeoutsOf(
  { life, activity, settings }: InstanceRecord,
  { limits, startedAt, heartbeatMs }: Omit<TimeoutOptions, 'maintenance'>,
  seenAt: number,
): readonly DueTimeout[] {
  const last = activity.last === undefined ? undefined : Math.min(activity.last, seenAt);
  return dueTimeouts(life, { ...activity, last }, settings, limits).map((due) => {
    const isFromBefore = due.isMovable && due.since < startedAt;
    return isFromBefore ? { ...due, at: Math.max(due.at, startedAt + heartbeatMs) } : due;
  });
}
