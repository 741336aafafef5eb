import { INSTANCES_TOLD_MAX } from '../bounds.js';

/** Remembers of which instances something was said, of so many that a log is not filled with the same. */
export class ToldOnce {
  readonly #told = new Set<string>();

  isFirst(instance: string): boolean {
    if (this.#told.has(instance)) return false;
    if (this.#told.size >= INSTANCES_TOLD_MAX) this.#told.clear();
    this.#told.add(instance);
    return true;
  }
}
