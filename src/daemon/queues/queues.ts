import PQueue from 'p-queue';
import { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import { withDeadline } from '../../gateways/deadline.js';
import { QUEUE_LENGTH_MAX } from '../bounds.js';
import { QUEUE_NAMES, type QueueLimits, type QueueName } from './queue-limits.js';

export interface QueuesOptions {
  readonly clock: Clock;
  readonly limits: QueueLimits;
  /** How long work of each kind may take once it has its turn. */
  readonly workMs: Readonly<Record<QueueName, number>>;
}

export interface QueueListener {
  /** A wait has ended with its turn. */
  waited(queue: QueueName, milliseconds: number): void;
  /** A wait has ended without a turn, because it took too long. */
  gaveUp(queue: QueueName): void;
}

export interface QueueState {
  readonly waiting: number;
  readonly running: number;
  /** Most that run at once. */
  readonly slots: number;
  /** Of the one that waits longest, and of the one that runs longest; 0 without any. */
  readonly oldestWaitingMs: number;
  readonly oldestRunningMs: number;
}

export interface Turn {
  /** Told once, when the work cannot begin at once. */
  readonly onQueued?: () => void;
  /** Who waits, so that `isWaiting` can tell. */
  readonly waiter?: string;
}

/**
 * The work of a node that costs its disk and its network: each kind has a queue of its own, so that slow clones
 * keep no stop waiting. First come, first served. A slot is given back when the work has really ended, also when
 * nobody waits for it any more, so the concurrency is never exceeded.
 */
export class Queues {
  readonly #options: QueuesOptions;
  readonly #queues: Readonly<Record<QueueName, Queue>>;
  readonly #listeners = new Set<QueueListener>();

  constructor(options: QueuesOptions) {
    this.#options = options;
    this.#queues = {
      setup: new Queue(options.limits.setup.concurrency),
      backup: new Queue(options.limits.backup.concurrency),
      snapshot: new Queue(options.limits.snapshot.concurrency),
    };
  }

  /**
   * Runs `work` when its turn comes. Rejects as soon as `signal` aborts while it waits; once the work has begun,
   * it settles with it. Fails with `overloaded` when too many wait or the wait took too long, and aborts the work
   * with `deadline-exceeded` when it takes longer than it may.
   */
  async run<Output>(
    name: QueueName,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Output>,
    turn: Turn = {},
  ): Promise<Output> {
    signal.throwIfAborted();
    const { clock, limits, workMs } = this.#options;
    const queue = this.#queues[name];
    if (queue.waiting.size >= QUEUE_LENGTH_MAX) {
      throw new StewardError('overloaded', `${queue.waiting.size} wait for a ${name} on this node already`);
    }
    const wait = new Wait(clock, turn.waiter);
    const leave = () => wait.leave(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    const timer = clock.schedule(clock.now() + limits[name].waitMs, () => {
      this.#tell((listener) => listener.gaveUp(name));
      wait.leave(tooLong(name, limits[name].waitMs));
    });
    const arrived = () => {
      timer.cancel();
      signal.removeEventListener('abort', leave);
      queue.waiting.delete(wait);
    };
    queue.waiting.add(wait);
    try {
      const result = queue.order.add(
        () => {
          arrived();
          this.#tell((listener) => listener.waited(name, wait.ageMs));
          return queue.during(new Wait(clock, turn.waiter), () =>
            withDeadline(clock, workMs[name], `the ${name}`, signal, work),
          );
        },
        { signal: wait.signal },
      );
      if (queue.waiting.has(wait)) turn.onQueued?.();
      return await result;
    } finally {
      arrived();
    }
  }

  /** From now on nothing more gets its turn; what runs goes on, what waits waits. */
  drain(): void {
    for (const name of QUEUE_NAMES) this.#queues[name].order.pause();
  }

  /** Whether `waiter` waits for its turn in one of the queues. */
  isWaiting(waiter: string): boolean {
    return QUEUE_NAMES.some((name) => [...this.#queues[name].waiting].some((wait) => wait.waiter === waiter));
  }

  state(name: QueueName): QueueState {
    const { waiting, running } = this.#queues[name];
    return {
      waiting: waiting.size,
      running: running.size,
      slots: this.#options.limits[name].concurrency,
      oldestWaitingMs: oldest(waiting),
      oldestRunningMs: oldest(running),
    };
  }

  observe(listener: QueueListener): void {
    this.#listeners.add(listener);
  }

  #tell(what: (listener: QueueListener) => void): void {
    for (const listener of this.#listeners) what(listener);
  }
}

class Queue {
  readonly order: PQueue;
  /** Both in the order they came. */
  readonly waiting = new Set<Wait>();
  readonly running = new Set<Wait>();

  constructor(concurrency: number) {
    this.order = new PQueue({ concurrency });
  }

  async during<Output>(run: Wait, work: () => Promise<Output>): Promise<Output> {
    this.running.add(run);
    try {
      return await work();
    } finally {
      this.running.delete(run);
    }
  }
}

/** p-queue gives a slot back as soon as its signal aborts, so it gets one that aborts during the wait only. */
class Wait {
  readonly waiter: string | undefined;
  readonly #clock: Clock;
  readonly #since: number;
  readonly #leaving = new AbortController();

  constructor(clock: Clock, waiter: string | undefined) {
    this.#clock = clock;
    this.waiter = waiter;
    this.#since = clock.monotonic();
  }

  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  get ageMs(): number {
    return this.#clock.monotonic() - this.#since;
  }

  leave(reason: unknown): void {
    this.#leaving.abort(reason);
  }
}

function oldest(waits: ReadonlySet<Wait>): number {
  const [first] = waits;
  return first?.ageMs ?? 0;
}

function tooLong(name: QueueName, waitMs: number): StewardError {
  return new StewardError('overloaded', `no turn for a ${name} on this node within ${waitMs} ms`);
}
