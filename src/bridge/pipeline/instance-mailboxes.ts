import type PQueue from 'p-queue';
import { StewardError, toStewardError } from '../../errors/steward-error.js';
import type { Clock, Timer } from '../../gateways/clock.js';
import type { Random } from '../../gateways/random.js';
import { backoffMs } from '../backoff.js';
import {
  WRITE_ATTEMPTS_MAX,
  WRITE_BATCH_MAX,
  WRITE_MIXED_BATCH_MAX,
  WRITE_RETRY_MAX_MS,
  WRITE_RETRY_MIN_MS,
} from '../bounds.js';
import type { InstanceWork, Outcome } from './instance-writer.js';
import type { StatusUpdate, StopRequest } from './updates.js';
import { addWaiting, restoreWaiting, type WaitingUpdates, waitingOf } from './waiting.js';

/** Updates of the stream go before those of a list, so that a reconnect does not hold up what happens now. */
export type Lane = 'live' | 'listed';

export interface MailboxObserver {
  /** An update that was no newer than one that waits already. */
  outdated(update: StatusUpdate): void;
  /** What became of one instance's work; `startedAt` is when its transaction began. */
  settled(work: InstanceWork, outcome: Outcome, startedAt: number): void;
  /** Some work failed and will be tried again, or (`dropped`) not before the next list; `startedAt` as of `settled`. */
  failed(work: readonly InstanceWork[], error: StewardError, dropped: boolean, startedAt: number): void;
  /** Another bridge writes now: nothing is written until `resume` is called. */
  fenced(error: StewardError): void;
}

export interface MailboxOptions {
  readonly write: (work: readonly InstanceWork[]) => Promise<readonly Outcome[]>;
  /** Bounds the database work of the whole bridge. */
  readonly databaseWork: PQueue;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: MailboxObserver;
  /** What the observer threw: nothing that is done here depends on it. */
  readonly onObserverFailed: (thrown: unknown) => void;
}

interface Mailbox {
  readonly instance: string;
  waiting: WaitingUpdates;
  stop: StopRequest | undefined;
  /** Monotonic milliseconds since when something waits. */
  since: number;
  attempts: number;
  /** Whether the last attempt to write failed. */
  hasFailed: boolean;
  state: Lane | 'writing' | 'pausing';
}

/**
 * One mailbox per instance that something waits for; everything that changes an instance goes through it. A
 * mailbox holds one update (what it replaced is merged into it), is written by one transaction at a time, and is
 * gone when nothing waits. While the database does not answer, updates go on being merged, so what waits is
 * bounded by the number of instances, and attempts go on with growing pauses.
 */
export class InstanceMailboxes {
  readonly #options: MailboxOptions;
  readonly #boxes = new Map<string, Mailbox>();
  readonly #lanes: Readonly<Record<Lane, Map<string, Mailbox>>> = { live: new Map(), listed: new Map() };
  readonly #timers = new Set<Timer>();
  #batches = 0;
  /** Instances of one batch: fewer after a failure, which may be that of a large batch. */
  #batchMax = WRITE_BATCH_MAX;
  #failures = 0;
  #paused = false;
  #halted = false;
  #isSuspended = false;
  #whenSettled: (() => void)[] = [];

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  /** Instances that something waits for or is being written for. */
  get depth(): number {
    return this.#boxes.size;
  }

  /** How long the oldest of them has waited, in milliseconds. */
  get oldestMs(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const box of this.#boxes.values()) oldest = Math.min(oldest, box.since);
    return this.#boxes.size === 0 ? 0 : this.#options.clock.monotonic() - oldest;
  }

  accept(update: StatusUpdate, lane: Lane): void {
    if (this.#halted) return;
    const box = this.#box(update.instance, lane);
    const waiting = addWaiting(box.waiting, waitingOf(update));
    if (waiting === undefined) this.#tell((observer) => observer.outdated(update));
    else box.waiting = waiting;
    if (lane === 'live' && box.state === 'listed') this.#enqueue(box, 'live');
    this.#pump();
  }

  requestStop(stop: StopRequest): void {
    if (this.#halted || this.#isSuspended || this.#boxes.has(stop.instance)) return;
    this.#box(stop.instance, 'listed').stop = stop;
    this.#pump();
  }

  /** Resolves when nothing waits (any more); at once after `halt`. */
  settled(): Promise<void> {
    if (this.#boxes.size === 0 || this.#halted) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  /** Writes nothing more; what is accepted goes on being merged. What is being written now may still be committed. */
  suspend(): void {
    this.#isSuspended = true;
  }

  resume(): void {
    this.#isSuspended = false;
    this.#pump();
  }

  /** Drops what waits and was last told before that instant of our clock: somebody else has written it. */
  forget(toldBefore: number): void {
    for (const box of [...this.#boxes.values()]) {
      const newest = box.waiting.at(-1)?.newest.receivedAt ?? box.stop?.requestedAt;
      if (box.state === 'writing' || box.state === 'pausing') continue;
      if (newest === undefined || newest >= toldBefore) continue;
      this.#boxes.delete(box.instance);
      for (const lane of Object.values(this.#lanes)) lane.delete(box.instance);
    }
    if (this.#boxes.size === 0) this.#tellSettled();
  }

  /** Forgets what waits and takes nothing more. What is being written now may still be committed. */
  halt(): void {
    this.#halted = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#boxes.clear();
    for (const lane of Object.values(this.#lanes)) lane.clear();
    this.#tellSettled();
  }

  #box(instance: string, lane: Lane): Mailbox {
    const known = this.#boxes.get(instance);
    if (known !== undefined) return known;
    const since = this.#options.clock.monotonic();
    const box: Mailbox = {
      instance,
      waiting: [],
      stop: undefined,
      since,
      attempts: 0,
      hasFailed: false,
      state: lane,
    };
    this.#boxes.set(instance, box);
    this.#lanes[lane].set(instance, box);
    return box;
  }

  #enqueue(box: Mailbox, lane: Lane): void {
    this.#lanes.live.delete(box.instance);
    this.#lanes.listed.delete(box.instance);
    box.state = lane;
    this.#lanes[lane].set(box.instance, box);
  }

  /** A batch is put together when its turn comes, from what waits then. */
  #pump(): void {
    if (this.#paused || this.#halted || this.#isSuspended || this.#batches >= this.#batchesMax()) return;
    if (this.#lanes.live.size + this.#lanes.listed.size === 0) return;
    this.#batches += 1;
    const done = () => {
      this.#batches -= 1;
      this.#pump();
    };
    this.#options.databaseWork.add(() => this.#write(this.#take())).then(done, done);
  }

  /** One transaction of several is kept for what happens now. */
  #batchesMax(): number {
    const { concurrency } = this.#options.databaseWork;
    return this.#lanes.live.size > 0 ? concurrency : Math.max(1, concurrency - 1);
  }

  /** What is listed goes along with what happens now, but does not hold it up much. */
  #take(): Mailbox[] {
    const taken: Mailbox[] = [];
    const { live, listed } = this.#lanes;
    const listedMax = live.size > 0 ? WRITE_MIXED_BATCH_MAX : WRITE_BATCH_MAX;
    for (const [lane, most] of [
      [live, WRITE_BATCH_MAX],
      [listed, listedMax],
    ] as const) {
      for (const box of lane.values()) {
        if (taken.length >= Math.min(most, this.#batchMax)) break;
        lane.delete(box.instance);
        box.state = 'writing';
        taken.push(box);
      }
    }
    return taken;
  }

  async #write(boxes: readonly Mailbox[]): Promise<void> {
    if (boxes.length === 0) return;
    const work = boxes.map(({ instance, waiting, stop, hasFailed }) => ({
      ...{ instance, waiting, stop },
      isRepeated: hasFailed,
    }));
    for (const box of boxes) {
      box.waiting = [];
      box.stop = undefined;
    }
    const startedAt = this.#options.clock.monotonic();
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.#options.write(work);
    } catch (thrown) {
      await this.#recover(boxes, work, toStewardError(thrown), startedAt);
      return;
    }
    // What is committed is settled, whatever comes of that.
    this.#failures = 0;
    this.#batchMax = Math.min(WRITE_BATCH_MAX, 2 * this.#batchMax);
    boxes.forEach((box, index) => {
      this.#settle(box, work[index], outcomes[index], startedAt);
    });
  }

  #settle(
    box: Mailbox,
    work: InstanceWork | undefined,
    outcome: Outcome | undefined,
    startedAt: number,
  ): void {
    if (this.#halted || work === undefined || outcome === undefined) return;
    if (outcome.kind === 'conflict') {
      this.#restore(box, work);
      const error = new StewardError('unavailable', 'The row was changed by somebody else in between.');
      this.#retryAlone(box, work, error, startedAt);
      return;
    }
    this.#tell((observer) => observer.settled(work, outcome, startedAt));
    this.#release(box);
  }

  #release(box: Mailbox): void {
    box.attempts = 0;
    box.hasFailed = false;
    if (box.waiting.length > 0 || box.stop !== undefined) {
      box.since = this.#options.clock.monotonic();
      this.#enqueue(box, 'live');
      return;
    }
    if (this.#boxes.get(box.instance) === box) this.#boxes.delete(box.instance);
    if (this.#boxes.size === 0) this.#tellSettled();
  }

  async #recover(
    boxes: readonly Mailbox[],
    work: readonly InstanceWork[],
    error: StewardError,
    startedAt: number,
  ): Promise<void> {
    if (this.#halted) return;
    boxes.forEach((box, index) => {
      this.#restore(box, work[index]);
    });
    if (error.code === 'stale-generation') {
      for (const box of boxes) this.#enqueue(box, 'live');
      this.suspend();
      this.#tell((observer) => observer.fenced(error));
      return;
    }
    const [only] = boxes;
    const [its] = work;
    if (error.entry.retryable) {
      this.#tell((observer) => observer.failed(work, error, false, startedAt));
      for (const box of boxes) this.#enqueue(box, 'live');
      this.#batchMax = Math.ceil(boxes.length / 2);
      this.#pauseAll();
    } else if (boxes.length === 1 && only !== undefined && its !== undefined) {
      this.#retryAlone(only, its, error, startedAt);
    } else {
      // One of them is what the database refuses; the others must not wait for it.
      const half = Math.ceil(boxes.length / 2);
      await this.#write(boxes.slice(0, half));
      await this.#write(boxes.slice(half));
    }
  }

  #restore(box: Mailbox, work: InstanceWork | undefined): void {
    if (work === undefined) return;
    box.hasFailed = true;
    box.waiting = restoreWaiting(work.waiting, box.waiting);
    box.stop ??= work.stop;
  }

  #retryAlone(box: Mailbox, work: InstanceWork, error: StewardError, startedAt: number): void {
    box.attempts += 1;
    const dropped = box.attempts >= WRITE_ATTEMPTS_MAX;
    this.#tell((observer) => observer.failed([work], error, dropped, startedAt));
    if (dropped) {
      box.waiting = [];
      box.stop = undefined;
      this.#release(box);
      return;
    }
    box.state = 'pausing';
    this.#after(box.attempts, () => {
      this.#enqueue(box, 'live');
      this.#pump();
    });
  }

  #pauseAll(): void {
    this.#failures += 1;
    if (this.#paused) return;
    this.#paused = true;
    this.#after(this.#failures, () => {
      this.#paused = false;
      this.#pump();
    });
  }

  #after(attempt: number, callback: () => void): void {
    const { clock, random } = this.#options;
    const pause = backoffMs(attempt, WRITE_RETRY_MIN_MS, WRITE_RETRY_MAX_MS, random);
    const timer = clock.schedule(clock.now() + pause, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
  }

  #tell(what: (observer: MailboxObserver) => void): void {
    const { observer, onObserverFailed } = this.#options;
    try {
      what(observer);
    } catch (thrown) {
      onObserverFailed(thrown);
    }
  }

  #tellSettled(): void {
    const waiters = this.#whenSettled;
    this.#whenSettled = [];
    for (const resolve of waiters) resolve();
  }
}
