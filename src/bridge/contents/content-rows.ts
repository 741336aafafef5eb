import type { Knex } from 'knex';
import { CONTENT_PRUNE_MAX } from '../bounds.js';
import type { ActorState } from './actor-state.js';
import { isNewer, type Place, type StateBatch } from './waiting-states.js';

const TABLE = 'steward_instance_content';
const CURSORS = 'steward_content_cursor';

/** How far the transitions of each node of a cluster were taken. */
export async function readCursors(connection: Knex, cluster: string): Promise<ReadonlyMap<string, Place>> {
  const rows: { node: string; sequence: number | string; at: number | string }[] = await connection(CURSORS)
    .where({ cluster })
    .select('node', 'sequence', 'at');
  return new Map(
    rows.map(({ node, sequence, at }) => [node, { sequence: BigInt(sequence), at: BigInt(at) }]),
  );
}

/** Writes what is newer than what is there, and how far that goes, together. */
export async function writeStates(
  transaction: Knex.Transaction,
  cluster: string,
  { states, taken }: StateBatch,
): Promise<void> {
  const stored = await readStored(transaction, states);
  const newer = states.filter((state) => {
    const row = stored.get(keyOf(state));
    return row === undefined || isNewer(state, row);
  });
  if (newer.length > 0) {
    const rows = newer.map((state) => rowOf(cluster, state, stored.get(keyOf(state))?.state ?? ''));
    await transaction(TABLE).insert(rows).onConflict(['instanceId', 'actor']).merge();
  }
  const places = [...taken].map(([node, { sequence, at }]) => ({
    ...{ cluster, node, sequence: String(sequence), at: String(at) },
  }));
  if (places.length > 0) await transaction(CURSORS).insert(places).onConflict(['cluster', 'node']).merge();
}

/**
 * A node counts from the beginning again, or (without `node`) there is another manager: what is kept gives way to
 * anything that is told from now on, and that is read from its beginning.
 */
export async function forgetPlaces(
  transaction: Knex.Transaction,
  cluster: string,
  node?: string,
): Promise<void> {
  const these = node === undefined ? { cluster } : { cluster, node };
  await transaction(TABLE).where(these).update({ sequence: 0 });
  await transaction(CURSORS).where(these).delete();
}

/** Of clusters that are not registered any more. */
export async function forgetClustersBut(
  transaction: Knex.Transaction,
  clusters: readonly string[],
): Promise<void> {
  await transaction(CURSORS)
    .whereNotIn('cluster', [...clusters])
    .delete();
}

/**
 * Removes the rows of instances that have stopped before `before`, or that nobody knows, and of which no actor has moved
 * since then. Answers how many instances went.
 */
export async function pruneStates(transaction: Knex.Transaction, before: string): Promise<number> {
  const rows: { id: string }[] = await transaction(`${TABLE} as c`)
    .leftJoin('d_b_workspace_instance as i', 'i.id', 'c.instanceId')
    .where((row) =>
      row
        .whereNull('i.id')
        .orWhere('i.deleted', 1)
        .orWhere((stopped) =>
          stopped.where('i.phasePersisted', 'stopped').where('i.stoppedTime', '<', before),
        ),
    )
    .groupBy('c.instanceId')
    .havingRaw('max(c.since) < ?', [before])
    .limit(CONTENT_PRUNE_MAX)
    .select('c.instanceId as id');
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id);
  await transaction(TABLE).whereIn('instanceId', ids).delete();
  return ids.length;
}

type Stored = Pick<ActorState, 'node' | 'sequence' | 'since'> & { readonly state: string };

async function readStored(
  transaction: Knex.Transaction,
  states: readonly ActorState[],
): Promise<ReadonlyMap<string, Stored>> {
  if (states.length === 0) return new Map();
  const rows: (Omit<Stored, 'sequence'> & { instance: string; actor: string; sequence: number | string })[] =
    await transaction(TABLE)
      .whereIn('instanceId', [...new Set(states.map(({ instance }) => instance))])
      .select('instanceId as instance', 'actor', 'node', 'sequence', 'since', 'state');
  return new Map(rows.map((row) => [keyOf(row), { ...row, sequence: BigInt(row.sequence) }]));
}

function keyOf({ instance, actor }: { readonly instance: string; readonly actor: string }): string {
  return `${instance}/${actor}`;
}

function rowOf(cluster: string, { instance, state, sequence, ...told }: ActorState, before: string) {
  return { ...told, instanceId: instance, cluster, state: state ?? before, sequence: String(sequence) };
}
