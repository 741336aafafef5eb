import { VERIFIED_REMEMBERED_MAX } from '../../bounds.js';
import type { Of } from './options.js';

/** When versions were found right since this program started; the newest findings, within a bound. */
export class VerifiedVersions {
  readonly #times = new Map<string, number>();

  note(of: Of, generation: number, atMs: number): void {
    const key = keyOf(of, generation);
    this.#times.delete(key);
    this.#times.set(key, atMs);
    const [oldest] = this.#times.keys();
    if (this.#times.size > VERIFIED_REMEMBERED_MAX && oldest !== undefined) this.#times.delete(oldest);
  }

  of(of: Of, generation: number): number | undefined {
    return this.#times.get(keyOf(of, generation));
  }
}

function keyOf({ owner, workspace }: Of, generation: number): string {
  return `${owner}/${workspace}/${generation}`;
}
