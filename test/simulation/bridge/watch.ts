import type { Knex } from 'knex';
import type { ObservedPrebuild } from '../../bridge/support/observed-rows.js';
import { violations } from '../../bridge/support/observed-rows.js';
import { type InstanceRow, versionIn } from '../../bridge/support/pipeline-harness.js';
import { isForced, told } from '../../bridge/support/row-truth.js';
import { NOTHING_YET, observeAll, type WholeObservation } from './observation.js';

export interface WatchListener {
  broke(detail: string): void;
  log(text: string): void;
  /** A row was stopped by a control loop: why that was not right, if it was not. */
  objection(row: InstanceRow, old: InstanceRow): string | undefined;
  /** Instances whose rows a bridge may make. */
  adoptable(): readonly string[];
  wasPublished(sequence: number): boolean;
  /** An operator lets the rows forget their versions. */
  isForgetting(): boolean;
  /** Told of what each commit leaves. */
  kept(seen: WholeObservation): void;
}

/** Looks at every commit, whoever makes it. */
export class Watch {
  readonly #listener: WatchListener;
  readonly #committed = new Set<number>();
  readonly #wasSeen = new Set<string>();
  #seen: WholeObservation = NOTHING_YET;

  constructor(listener: WatchListener) {
    this.#listener = listener;
  }

  get seen(): WholeObservation {
    return this.#seen;
  }

  get rows(): ReadonlyMap<string, InstanceRow> {
    return this.#seen.rows;
  }

  get prebuilds(): ReadonlyMap<string, ObservedPrebuild> {
    return this.#seen.prebuilds;
  }

  wasCommitted(sequence: number): boolean {
    return this.#committed.has(sequence);
  }

  /** Whether there was a row of it at any time. */
  wasSeen(id: string): boolean {
    return this.#wasSeen.has(id);
  }

  /** Somebody else commits. */
  async beside(transaction: Knex.Transaction): Promise<void> {
    this.#keep(await observeAll(transaction));
  }

  /** The last thing in a transaction of `bridge`. */
  async committing(bridge: string, transaction: Knex.Transaction): Promise<void> {
    const now = await observeAll(transaction);
    const before = this.#seen;
    const { broke, adoptable, isForgetting } = this.#listener;
    const mayAppear = adoptable();
    this.#keep(now);
    if (now.text === before.text) return;
    if (now.holder !== bridge) broke(`rule 14: ${bridge} has written, and ${now.holder} has the lease`);
    for (const detail of violations(before, now, mayAppear)) {
      if (!isForgetting() || !detail.startsWith('rule 2')) broke(detail);
    }
    this.#lookAtRows(bridge, before, now);
    this.#lookAtOutbox(before, now);
  }

  #keep(now: WholeObservation): void {
    this.#seen = now;
    this.#listener.kept(now);
    for (const id of now.rows.keys()) this.#wasSeen.add(id);
    for (const sequence of now.outbox.keys()) this.#committed.add(sequence);
  }

  #lookAtRows(bridge: string, before: WholeObservation, now: WholeObservation): void {
    const { broke, log, objection } = this.#listener;
    const events = new Set([...now.outbox].filter(([one]) => !before.outbox.has(one)).map(([, id]) => id));
    for (const row of now.rows.values()) {
      const old = before.rows.get(row.id);
      if (old !== undefined && old.status === row.status && told(old) === told(row)) continue;
      log(`${bridge}: ${row.id} ${old?.phase ?? 'nothing'} → ${row.phase}@${versionIn(row)}`);
      const isTold = told(row) !== told(old) && row.phase !== 'preparing';
      if (isTold && !events.has(row.id)) broke(`rule 6: ${row.id} was changed without an event`);
      if (old === undefined || !isForced(row) || isForced(old)) continue;
      const problem = objection(row, old);
      if (problem !== undefined) broke(`rule 9: ${row.id} was stopped, and ${problem}`);
    }
    for (const id of before.rows.keys()) {
      if (!now.rows.has(id)) broke(`rule 5: ${bridge} has removed the row ${id}`);
    }
  }

  #lookAtOutbox(before: WholeObservation, now: WholeObservation): void {
    for (const [sequence, id] of before.outbox) {
      if (now.outbox.has(sequence) || this.#listener.wasPublished(sequence)) continue;
      this.#listener.broke(`rule 6: event ${sequence} of ${id} was removed before it was published`);
    }
  }
}
