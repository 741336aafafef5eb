import type { Knex } from 'knex';
import type { Dialect } from '../database/dialect.js';
import { rawRows } from '../database/raw-rows.js';
import type { PublishedEvent } from '../events/event-publisher.js';
import { OUTBOX_BATCH_MAX } from './bounds.js';

export interface OutgoingEvent {
  readonly instance: string;
  readonly channel: string;
  readonly payload: string;
}

const TABLE = 'steward_outbox';

/** Adds events in the transaction that changes the rows they are about; once it has committed, they are these. */
export async function appendEvents(
  transaction: Knex.Transaction,
  dialect: Dialect,
  events: readonly OutgoingEvent[],
  now: string,
): Promise<readonly PublishedEvent[]> {
  if (events.length === 0) return [];
  const sequences = await dialect.insertNumbered(
    transaction,
    { table: TABLE, number: 'sequence', columns: ['instanceId', 'channel', 'payload', 'createdAt'] },
    events.map(({ instance, channel, payload }) => [instance, channel, payload, now]),
  );
  const at = Date.parse(now);
  return events.map(({ instance, channel, payload }, index) => ({
    ...{ sequence: sequences[index] ?? 0, key: instance, channel, payload, at },
  }));
}

/** Some of the outbox, by the instances and by the channels of its events. */
export interface OutboxPart {
  readonly instances: readonly string[];
  readonly channels: readonly string[];
}

/** The oldest events, of `only` if that is given, and none of `without`; those of an instance as they were committed. */
export async function oldestEvents(
  connection: Knex,
  without: OutboxPart = { instances: [], channels: [] },
  only?: OutboxPart,
  limit = OUTBOX_BATCH_MAX,
): Promise<readonly PublishedEvent[]> {
  const rows: {
    sequence: number | string;
    instanceId: string;
    channel: string;
    payload: string;
    createdAt: string;
  }[] = await connection(TABLE)
    .whereNotIn('instanceId', [...without.instances])
    .whereNotIn('channel', [...without.channels])
    .where((some) => {
      if (only === undefined) return;
      some.whereIn('instanceId', [...only.instances]).orWhereIn('channel', [...only.channels]);
    })
    .orderBy('sequence')
    .limit(limit)
    .select();
  // 64-bit integers come as texts from some drivers.
  return rows.map(({ sequence, instanceId, channel, payload, createdAt }) => ({
    sequence: Number(sequence),
    key: instanceId,
    channel,
    payload,
    at: Date.parse(createdAt),
  }));
}

export async function removeEvents(
  transaction: Knex.Transaction,
  sequences: readonly number[],
): Promise<void> {
  const runs = runsIn(sequences);
  if (runs.length === 0) return;
  const bindings = runs.flat();
  await transaction.raw(
    `delete from ${TABLE} where ${runs.map(() => 'sequence between ? and ?').join(' or ')}`,
    bindings,
  );
}

/** First and last of each run of numbers that follow each other: far fewer than the numbers of what was committed together. */
function runsIn(numbers: readonly number[]): (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const number of [...numbers].sort((one, other) => one - other)) {
    const last = runs.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs;
}

/** How many wait to be published, and since when the oldest does (ISO text). */
export async function waitingEvents(
  connection: Knex,
): Promise<{ readonly count: number; readonly since: string | undefined }> {
  const [row] = await rawRows<{ count: number | string; since: string | null }>(
    connection,
    `select count(*) as count, min(createdAt) as since from ${TABLE}`,
  );
  return { count: Number(row?.count ?? 0), since: row?.since ?? undefined };
}

export async function countEvents(connection: Knex): Promise<number> {
  return (await waitingEvents(connection)).count;
}
