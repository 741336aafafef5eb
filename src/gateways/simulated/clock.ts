import type { Clock, Timer } from '../clock.js';

interface Alarm {
  readonly at: number;
  /** Virtual time at which the distance it was set for is over. */
  readonly end: number;
  readonly order: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/** Turns of Node's loop after which work that waits for nothing outside has come to rest. */
const SETTLING_TURNS = 3;

/**
 * Virtual time: it moves only when told to, and between two timers everything that can run does. On one thread
 * and without real input or output the order of events is thus always the same.
 */
export class SimulatedClock implements Clock {
  #elapsed = 0;
  #offset: number;
  #order = 0;
  #alarms: Alarm[] = [];

  /** `start`: wall-clock milliseconds since the epoch. */
  constructor(start = Date.UTC(2030, 0, 1)) {
    this.#offset = start;
  }

  now(): number {
    return this.#elapsed + this.#offset;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** Time comes in whole milliseconds, as real clocks tell it. */
  schedule(time: number, callback: () => void): Timer {
    const at = Math.ceil(time);
    this.#order += 1;
    const end = this.#elapsed + Math.max(0, at - this.now());
    const alarm = { at, end, order: this.#order, callback, isCancelled: false };
    this.#insert(alarm);
    return {
      cancel: () => {
        alarm.isCancelled = true;
      },
    };
  }

  /** Timers that are armed. At rest there should be none that nobody owns. */
  get pending(): number {
    return this.#alarms.filter(({ isCancelled }) => !isCancelled).length;
  }

  /** Lets everything run that is due within the next `milliseconds`, and comes to rest at their end. */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#elapsed + milliseconds;
    await this.settle();
    while (this.#fireNext(until)) await this.settle();
    this.#elapsed = until;
  }

  /** Goes from timer to timer until none is left or `limitMs` have passed; false when some are left. */
  async runUntilIdle(limitMs: number): Promise<boolean> {
    const until = this.#elapsed + limitMs;
    await this.settle();
    while (this.#fireNext(until)) await this.settle();
    return this.pending === 0;
  }

  /** Goes from timer to timer until `promise` settles; rejects when it has not after `limitMs` or for ever. */
  async runUntilSettled<T>(promise: Promise<T>, limitMs: number): Promise<T> {
    let isSettled = false;
    const note = () => {
      isSettled = true;
    };
    promise.then(note, note);
    const until = this.#elapsed + limitMs;
    await this.settle();
    while (!isSettled) {
      if (!this.#fireNext(until)) throw new Error(`nothing came of it within ${limitMs} ms of virtual time`);
      await this.settle();
    }
    return promise;
  }

  /** A step of the wall clock, as an administrator or NTP makes it. */
  stepWall(milliseconds: number): void {
    this.#offset += milliseconds;
    const alarms = this.#alarms;
    this.#alarms = [];
    for (const alarm of alarms) this.#insert(alarm);
  }

  /** Lets everything run that waits for no timer. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < SETTLING_TURNS; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
  }

  #due(alarm: Alarm): number {
    return Math.max(this.#elapsed, Math.min(alarm.end, alarm.at - this.#offset));
  }

  #fireNext(until: number): boolean {
    while (this.#alarms[0]?.isCancelled) this.#alarms.shift();
    const next = this.#alarms[0];
    if (next === undefined || this.#due(next) > until) return false;
    this.#elapsed = this.#due(next);
    this.#alarms.shift();
    next.callback();
    return true;
  }

  /** Keeps the alarms in the order they fire: by due time, then by the order they were set in. */
  #insert(alarm: Alarm): void {
    const due = this.#due(alarm);
    let [low, high] = [0, this.#alarms.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#alarms[middle];
      const isBefore =
        other !== undefined &&
        (this.#due(other) < due || (this.#due(other) === due && other.order < alarm.order));
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    this.#alarms.splice(low, 0, alarm);
  }
}

/** The clock as one life of a program sees it: once that has ended, none of its timers fires. */
export class MortalClock implements Clock {
  readonly #clock: Clock;
  readonly #armed = new Set<Timer>();
  #isDead = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  schedule(at: number, callback: () => void): Timer {
    if (this.#isDead) return { cancel: () => undefined };
    const timer = this.#clock.schedule(at, () => {
      this.#armed.delete(timer);
      callback();
    });
    this.#armed.add(timer);
    return {
      cancel: () => {
        timer.cancel();
        this.#armed.delete(timer);
      },
    };
  }

  /** Timers of this life that are armed. At rest there should be none that nobody owns. */
  get pending(): number {
    return this.#armed.size;
  }

  kill(): void {
    this.#isDead = true;
    for (const timer of this.#armed) timer.cancel();
    this.#armed.clear();
  }
}
