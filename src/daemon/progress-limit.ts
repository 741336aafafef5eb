import type { InstanceId } from '../../machines/ids.js';
import type { Clock } from '../gateways/clock.js';
import type { ProgressNote } from '../records/subscriber-queue.js';
import { PROGRESS_INSTANCES_MAX, PROGRESS_PERIOD_MS } from './bounds.js';

/** Lets one note per instance and `PROGRESS_PERIOD_MS` through; the others are nobody's loss. */
export class ProgressLimit {
  readonly #clock: Clock;
  readonly #tell: (note: ProgressNote) => void;
  readonly #toldAt = new Map<InstanceId, number>();

  constructor(clock: Clock, tell: (note: ProgressNote) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  take(instance: InstanceId, step: string, bytes: number, percent?: number): void {
    const at = this.#clock.now();
    const last = this.#toldAt.get(instance);
    if (last !== undefined && Math.abs(at - last) < PROGRESS_PERIOD_MS) return;
    this.#toldAt.delete(instance);
    this.#toldAt.set(instance, at);
    const [oldest] = this.#toldAt.keys();
    if (this.#toldAt.size > PROGRESS_INSTANCES_MAX && oldest !== undefined) this.#toldAt.delete(oldest);
    this.#tell({ at, instance, step, bytes, ...(percent === undefined ? {} : { percent }) });
  }
}
