import type { PublishedEvent } from '../events/event-publisher.js';
import type { Clock } from '../gateways/clock.js';
import type { Random } from '../gateways/random.js';
import { backoffMs } from './backoff.js';
import { RELAY_RETRY_MAX_MS, RELAY_RETRY_MIN_MS } from './bounds.js';
import type { OutboxPart } from './outbox.js';

interface Pause {
  readonly failures: number;
  /** Monotonic milliseconds; absent while it is tried again. */
  readonly until?: number;
}

/** What could not be published: instances, and channels that nobody lets us publish on. Each waits for its own time. */
export class BlockedEvents {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #random: Random;
  readonly #instances = new Map<string, Pause>();
  readonly #channels = new Map<string, Pause>();

  constructor(clock: Pick<Clock, 'monotonic'>, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#instances.size + this.#channels.size;
  }

  /** Whether it waits, with its instance or its channel. */
  has({ key, channel }: PublishedEvent): boolean {
    return isWaiting(this.#instances.get(key)) || isWaiting(this.#channels.get(channel));
  }

  /** What waits. */
  get waiting(): OutboxPart {
    return this.#part(isWaiting);
  }

  /** Milliseconds until the first of them is to be tried again; undefined when there is none. */
  get dueInMs(): number | undefined {
    let first = Number.POSITIVE_INFINITY;
    for (const pauses of [this.#instances, this.#channels]) {
      for (const { until } of pauses.values()) first = Math.min(first, until ?? first);
    }
    return first === Number.POSITIVE_INFINITY ? undefined : Math.max(0, first - this.#clock.monotonic());
  }

  /** `isWholeChannel`: no event of its channel would fare better. */
  failed({ key, channel }: PublishedEvent, isWholeChannel: boolean): void {
    const [pauses, name] = isWholeChannel ? [this.#channels, channel] : [this.#instances, key];
    const known = pauses.get(name);
    // Others of its channel were on their way, too.
    if (isWaiting(known)) return;
    const failures = (known?.failures ?? 0) + 1;
    const pause = backoffMs(failures, RELAY_RETRY_MIN_MS, RELAY_RETRY_MAX_MS, this.#random);
    pauses.set(name, { failures, until: this.#clock.monotonic() + pause });
  }

  /** What is to be tried again now, or all of it; it waits no longer, until it fails anew. */
  take(which: 'due' | 'all'): OutboxPart {
    const now = this.#clock.monotonic();
    const part = this.#part(({ until }) => which === 'all' || until === undefined || until <= now);
    for (const [pauses, names] of this.#entriesOf(part)) {
      for (const name of names) pauses.set(name, { failures: pauses.get(name)?.failures ?? 0 });
    }
    return part;
  }

  /** Nothing of these is left that could be published. */
  release(part: OutboxPart): void {
    for (const [pauses, names] of this.#entriesOf(part)) {
      for (const name of names) if (!isWaiting(pauses.get(name))) pauses.delete(name);
    }
  }

  clear(): void {
    this.#instances.clear();
    this.#channels.clear();
  }

  #part(belongs: (pause: Pause) => boolean): OutboxPart {
    const namesIn = (pauses: ReadonlyMap<string, Pause>) =>
      [...pauses].filter(([, pause]) => belongs(pause)).map(([name]) => name);
    return { instances: namesIn(this.#instances), channels: namesIn(this.#channels) };
  }

  #entriesOf({ instances, channels }: OutboxPart): [Map<string, Pause>, readonly string[]][] {
    return [
      [this.#instances, instances],
      [this.#channels, channels],
    ];
  }
}

function isWaiting(pause: Pause | undefined): boolean {
  return pause?.until !== undefined;
}
