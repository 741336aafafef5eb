import type { Knex } from 'knex';
import type { PublishedEvent } from '../events/event-publisher.js';
import { OUTBOX_BATCH_MAX } from './bounds.js';

export interface OutgoingEvent {
  readonly instance: string;
  readonly channel: string;
  readonly payload: string;
}

const TABLE = 'steward_outbox';

/** Adds events in the transaction that changes the rows they are about. */
export async function appendEvents(
  transaction: Knex.Transaction,
  events: readonly OutgoingEvent[],
  now: string,
): Promise<void> {
  if (events.length === 0) return;
  await transaction(TABLE).insert(
    events.map(({ instance, channel, payload }) => ({
      instanceId: instance,
      channel,
      payload,
      createdAt: now,
    })),
  );
}

/** The oldest events after `sequence`, in the order of their commits. */
export async function eventsAfter(connection: Knex, sequence: number): Promise<readonly PublishedEvent[]> {
  const rows: {
    sequence: number | string;
    instanceId: string;
    channel: string;
    payload: string;
    createdAt: string;
  }[] = await connection(TABLE)
    .where('sequence', '>', sequence)
    .orderBy('sequence')
    .limit(OUTBOX_BATCH_MAX)
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
  await transaction(TABLE)
    .whereIn('sequence', [...sequences])
    .delete();
}

export async function countEvents(connection: Knex): Promise<number> {
  const row: unknown = await connection(TABLE).count({ count: '*' }).first();
  return typeof row === 'object' && row !== null && 'count' in row ? Number(row.count) : 0;
}
