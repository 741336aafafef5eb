import type { Knex } from 'knex';
import type { Dialect } from '../../database/dialect.js';
import type { PublishedEvent } from '../../events/event-publisher.js';
import type { Clock } from '../../gateways/clock.js';
import { INSTANCE_CHANNEL, type InstancePayload, LIFECYCLE_CHANNEL } from '../channels.js';
import type { Writing } from '../clusters/writing.js';
import { appendEvents, type OutgoingEvent } from '../outbox.js';
import type { PrebuildReading } from '../prebuilds/prebuild-mapping.js';
import { type PrebuildNews, type PrebuildResult, updatePrebuilds } from '../prebuilds/prebuild-updater.js';
import { adoptInstances } from './adoption.js';
import { type Decision, decideStop, decideUpdates, type RowChange, type StoredRow } from './decide.js';
import { type DecidedChange, lockRows, readRows, writeChanges } from './instance-rows.js';
import { isoTime } from './iso-time.js';
import { lifecycleEvents } from './lifecycle.js';
import { deleteInstanceTokens, mergeMetrics } from './side-rows.js';
import type { StopRequest } from './updates.js';
import { toldBy, type WaitingUpdates } from './waiting.js';

/** What is to be done to one instance: its updates first, then the order to stop, if there is one. */
export interface InstanceWork {
  readonly instance: string;
  readonly waiting: WaitingUpdates;
  readonly stop: StopRequest | undefined;
  /** Whether an attempt to do some of it failed: it may have been committed all the same, with events nobody knows of. */
  readonly isRepeated: boolean;
}

export type OutcomeKind =
  | 'written'
  /** Only the version was raised, or not even that: the row says all of it already. */
  | 'skipped'
  | 'stale'
  | 'contradictory'
  | 'unknown-instance'
  /** Only managers of other clusters than the row's spoke of it: they may neither change nor end it. */
  | 'foreign'
  /** Somebody else changed the row in between; the work is to be done again. */
  | 'conflict';

export interface Outcome {
  readonly instance: string;
  readonly kind: OutcomeKind;
  /** What counted of the updates; those of other clusters than the row's do not. */
  readonly told: WaitingUpdates;
  /** Updates that contradicted the row, or a newer update. */
  readonly contradictory: number;
  readonly before: StoredRow | undefined;
  readonly change: RowChange | undefined;
  /** Whether an order to stop, not an update, made the change. */
  readonly forced: boolean;
}

interface Committed {
  readonly outcomes: readonly Outcome[];
  readonly prebuilds: PrebuildResult;
  readonly events: readonly PublishedEvent[];
}

export interface WriterOptions {
  readonly dialect: Dialect;
  readonly writing: Pick<Writing, 'write'>;
  readonly clock: Clock;
  readonly adoptUnknownInstances: boolean;
  /** Whether rows of this region are of no cluster (yet): then what any of them says counts. */
  readonly isUnassigned: (region: string) => boolean;
  /** Whether anybody wants to know when lives begin and end. */
  readonly tellsLives: boolean;
  /** When the end of a prebuild is read. */
  readonly prebuildReading: PrebuildReading;
  /** After each commit: the events that it brought into the outbox. */
  readonly onCommitted: (events: readonly PublishedEvent[]) => void;
  /** The same, when the outbox may hold more of these instances than what was told. */
  readonly onRepeated: () => void;
  /** After the commit of what was done to prebuilds. */
  readonly onPrebuilds: (result: PrebuildResult) => void;
}

/**
 * Does the work of many instances in one transaction: rows, metrics, tokens of what has stopped and the events
 * about it are committed together, by the owner of the lease, or not at all. No instance may occur twice.
 */
export class InstanceWriter {
  readonly #options: WriterOptions;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  async write(work: readonly InstanceWork[]): Promise<readonly Outcome[]> {
    const { writing, clock, onPrebuilds, onCommitted, onRepeated } = this.#options;
    const { outcomes, prebuilds, events } = await writing.write(async (transaction) => {
      const now = isoTime(clock.now());
      const rows = await this.#rows(transaction, work, now);
      const outcomes = work.map((item) => this.#outcomeOf(item, rows.get(item.instance)));
      return this.#commit(transaction, outcomes, now);
    });
    // Whatever became of the attempts before is settled by now: the row was locked by them, or has their version.
    if (work.some((item) => item.isRepeated)) onRepeated();
    else onCommitted(events);
    onPrebuilds(prebuilds);
    return outcomes;
  }

  async #rows(
    transaction: Knex.Transaction,
    work: readonly InstanceWork[],
    now: string,
  ): Promise<ReadonlyMap<string, StoredRow>> {
    // What was changed in between once would be again where somebody else writes often; and that a row may be stopped
    // must hold until it is, whichever column says so.
    const held = work.filter((item) => item.isRepeated || item.stop !== undefined);
    await lockRows(
      transaction,
      held.map((item) => item.instance),
    );
    const rows = await readRows(
      transaction,
      work.map((item) => item.instance),
    );
    if (!this.#options.adoptUnknownInstances) return rows;
    const unknown = work.flatMap(({ instance, waiting }) => (rows.has(instance) ? [] : waiting.slice(-1)));
    const adopted = await adoptInstances(
      transaction,
      this.#options.dialect,
      unknown.map((entry) => entry.newest),
      now,
    );
    if (adopted.size === 0) return rows;
    return new Map([...rows, ...(await readRows(transaction, [...adopted]))]);
  }

  #outcomeOf(item: InstanceWork, row: StoredRow | undefined): Outcome {
    const { instance, waiting } = item;
    const none = { instance, contradictory: 0, before: row, change: undefined, forced: false };
    if (row === undefined) return { ...none, kind: 'unknown-instance', told: waiting };
    const told = toldOf(item, row, this.#options.isUnassigned);
    const decision = told.length === 0 ? undefined : decideUpdates(row, told);
    const stop = item.stop === undefined || decision !== undefined ? undefined : decideStop(row, item.stop);
    if (stop !== undefined) return { ...none, kind: 'written', told, change: stop, forced: true };
    if (decision !== undefined) return { ...none, told, ...outcomeOfDecision(decision) };
    return { ...none, kind: waiting.length === 0 ? 'skipped' : 'foreign', told };
  }

  async #commit(
    transaction: Knex.Transaction,
    outcomes: readonly Outcome[],
    now: string,
  ): Promise<Committed> {
    const { dialect } = this.#options;
    const changes = outcomes.flatMap(decidedChange);
    const changed = await writeChanges(transaction, dialect, changes);
    const settled = outcomes.map((outcome) =>
      outcome.change === undefined || changed.has(outcome.instance) ? outcome : conflict(outcome),
    );
    const committed = settled.filter((outcome) => outcome.change !== undefined);
    await mergeMetrics(transaction, dialect, committed);
    const stopped = committed.flatMap(({ before, change }) => (change?.stops ? (before ?? []) : []));
    await deleteInstanceTokens(transaction, stopped);
    const news = settled.flatMap(prebuildNews);
    const prebuilds = await updatePrebuilds(transaction, this.#options.prebuildReading, news);
    const lives = this.#options.tellsLives ? committed.flatMap(lifeEvents) : [];
    const outgoing = [...committed.flatMap(instanceEvents), ...prebuilds.events, ...lives];
    const events = await appendEvents(transaction, dialect, outgoing, now);
    return { outcomes: settled, prebuilds, events };
  }
}

/** Of a row that has no cluster, the one that told something last may be its. */
function toldOf(
  { waiting }: InstanceWork,
  { region }: StoredRow,
  isUnassigned: (region: string) => boolean,
): WaitingUpdates {
  const told = toldBy(waiting, region);
  if (told.length > 0 || !isUnassigned(region)) return told;
  return toldBy(waiting, waiting.at(-1)?.newest.cluster ?? region);
}

function outcomeOfDecision(decision: Decision): Pick<Outcome, 'kind' | 'contradictory' | 'change'> {
  switch (decision.kind) {
    case 'write': {
      const { change, contradictory } = decision;
      return { kind: change.differs ? 'written' : 'skipped', contradictory, change };
    }
    case 'known':
      return { kind: 'skipped', contradictory: 0, change: undefined };
    case 'stale':
      return { kind: 'stale', contradictory: 0, change: undefined };
    case 'contradictory':
      return { kind: 'contradictory', contradictory: decision.contradictory, change: undefined };
  }
}

/** Whoever stops a row by force does not know its type; a workspace that builds no prebuild is passed over. */
function prebuildNews({ before, change, forced, instance, told }: Outcome): PrebuildNews[] {
  if (before === undefined || change === undefined) return [];
  const { workspace } = before;
  if (forced) return [{ instance, workspace, news: 'stopped-by-force' }];
  const news = told.findLast((entry) => entry.newest.version === change.version);
  return news?.newest.type === 'prebuild' ? [{ instance, workspace, news }] : [];
}

function decidedChange({ before, change }: Outcome): DecidedChange[] {
  return before === undefined || change === undefined ? [] : [{ before, change }];
}

function conflict(outcome: Outcome): Outcome {
  return { ...outcome, kind: 'conflict', contradictory: 0, change: undefined };
}

function instanceEvents(outcome: Outcome): OutgoingEvent[] {
  const { before, change } = outcome;
  if (before === undefined || !change?.differs) return [];
  const payload: InstancePayload = {
    ownerID: before.owner,
    instanceID: before.instance,
    workspaceID: before.workspace,
  };
  return [{ instance: before.instance, channel: INSTANCE_CHANNEL, payload: JSON.stringify(payload) }];
}

function lifeEvents({ before, change }: Outcome): OutgoingEvent[] {
  if (before === undefined || change === undefined) return [];
  const { instance } = before;
  return lifecycleEvents(before, change).map((payload) => ({
    instance,
    channel: LIFECYCLE_CHANNEL,
    payload: JSON.stringify(payload),
  }));
}
