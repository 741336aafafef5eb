import type { PublishedEvent } from '../../../src/events/event-publisher.js';
import { told } from '../../bridge/support/row-truth.js';
import type { Watch } from './watch.js';

/** Somebody who listens to all events, and reads the row whenever one tells of it. */
export class Consumer {
  readonly published = new Set<number>();
  readonly #watch: Watch;
  readonly #broke: (detail: string) => void;
  /** Of each instance: the newest event that has come. */
  readonly #newest = new Map<string, number>();
  readonly #known = new Map<string, string | undefined>();
  readonly #prebuilds = new Map<string, string>();

  constructor(watch: Watch, broke: (detail: string) => void) {
    this.#watch = watch;
    this.#broke = broke;
  }

  take({ sequence, key, channel, payload }: PublishedEvent): void {
    if (!this.#watch.wasCommitted(sequence))
      this.#broke(`rule 6: event ${sequence} of ${key} before its commit`);
    const isFirst = !this.published.has(sequence);
    const newest = this.#newest.get(key) ?? 0;
    if (isFirst && sequence < newest) this.#broke(`rule 6: event ${sequence} of ${key} came after ${newest}`);
    this.published.add(sequence);
    this.#newest.set(key, Math.max(newest, sequence));
    if (channel === 'chan:workspace-instances') this.#known.set(key, told(this.#watch.rows.get(key)));
    if (channel !== 'chan:prebuilds') return;
    const { status, prebuildID }: { readonly status: string; readonly prebuildID: string } =
      JSON.parse(payload);
    this.#prebuilds.set(prebuildID, status);
  }

  /** What it knows otherwise than it is. */
  ignorance(): string[] {
    const rows = [...this.#watch.rows.values()].filter((row) => row.phase !== 'preparing');
    const instances = rows
      .filter((row) => this.#known.get(row.id) !== told(row))
      .map(
        (row) => `rule 6: nobody was told that ${row.id} is ${told(row)}, only of ${this.#known.get(row.id)}`,
      );
    const prebuilds = [...this.#prebuilds]
      .filter(([id, state]) => this.#watch.prebuilds.get(id)?.state !== state)
      .map(([id, state]) => `rule 6: prebuild ${id} was last told to be ${state}`);
    return [...instances, ...prebuilds];
  }
}
