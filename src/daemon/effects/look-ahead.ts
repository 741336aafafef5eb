import type { InstanceId } from '../../../machines/ids.js';
import type { ContentRecord } from '../../../machines/record.js';
import { inTime } from '../../gateways/deadline.js';
import type { World } from '../../gateways/world.js';
import type { WorkingArea } from '../area.js';
import { LOOK_AHEAD_DEADLINE_MS, LOOKS_AHEAD_MAX } from '../bounds.js';
import { isAnnounced } from './announced.js';

/** What is looked at of a record. */
interface Looked {
  readonly identity: { readonly instance: InstanceId };
  readonly step: ContentRecord['step'];
}

/**
 * Looks at the folders of many instances at once before they come back: asked for one by one, between the work of
 * the others, each look costs several times as much. What was seen is used once, and whoever finds nothing here
 * looks for himself.
 */
export class LookAhead {
  readonly #world: Pick<World, 'files' | 'clock'>;
  readonly #area: WorkingArea;
  readonly #announced = new Set<InstanceId>();

  constructor(world: Pick<World, 'files' | 'clock'>, area: WorkingArea) {
    this.#world = world;
    this.#area = area;
  }

  /**
   * The records one after another, each when its content has been looked at, as long as there is time: a disk that is
   * slow or does not answer holds up the whole of them no longer than that, and then each survey meets it by itself.
   */
  async *over<R extends Looked>(records: readonly R[]): AsyncGenerator<R> {
    const { clock } = this.#world;
    const until = clock.monotonic() + LOOK_AHEAD_DEADLINE_MS;
    for (let first = 0; first < records.length; first += LOOKS_AHEAD_MAX) {
      const next = records.slice(first, first + LOOKS_AHEAD_MAX);
      const leftMs = until - clock.monotonic();
      if (leftMs > 0) await this.#lookAt(next, leftMs);
      yield* next;
    }
  }

  /** Whether content was seen to be there and announced. True once: later on it may have gone. */
  take(instance: InstanceId): boolean {
    return this.#announced.delete(instance);
  }

  async #lookAt(records: readonly Looked[], milliseconds: number): Promise<void> {
    const looks = Promise.all(records.map((record) => this.#look(record)));
    const seen = await inTime(this.#world.clock, milliseconds, 'looking ahead', looks).catch(() => []);
    for (const instance of seen) if (instance !== undefined) this.#announced.add(instance);
  }

  async #look({ identity: { instance }, step }: Looked): Promise<InstanceId | undefined> {
    if (step !== 'available') return undefined;
    const isSeen = await isAnnounced(this.#world.files, this.#area.contentOf(instance)).catch(() => false);
    return isSeen ? instance : undefined;
  }
}
