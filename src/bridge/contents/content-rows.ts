import type { Knex } from 'knex';
import { CONTENT_PRUNE_MAX } from '../bounds.js';
import { parseObject } from '../pipeline/json.js';
import type { ActorState } from './actor-state.js';
import { type Place, prevails, type StateBatch } from './waiting-states.js';

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
  const newer = await newestOf(transaction, states, stored);
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

/** Of each actor the state that prevails over what is stored and over what the others say, if there is one. */
async function newestOf(
  transaction: Knex.Transaction,
  states: readonly ActorState[],
  stored: ReadonlyMap<string, Stored>,
): Promise<readonly ActorState[]> {
  const some = new Map(states.map((state) => [keyOf(state), state]));
  const contested = states.filter((state) =>
    [stored.get(keyOf(state)), some.get(keyOf(state))].some(
      (other) => other !== undefined && other.node !== state.node,
    ),
  );
  const nodes = await readNodes(transaction, contested);
  const newest = new Map<string, ActorState>();
  for (const state of states) {
    const key = keyOf(state);
    const than = newest.get(key) ?? stored.get(key);
    if (than === undefined || prevails(state, than, nodes.get(state.instance))) newest.set(key, state);
  }
  return [...newest.values()];
}

/** Where the instances are by their rows. */
async function readNodes(
  transaction: Knex.Transaction,
  states: readonly ActorState[],
): Promise<ReadonlyMap<string, string>> {
  if (states.length === 0) return new Map();
  const rows: { id: string; status: string }[] = await transaction('d_b_workspace_instance')
    .whereIn('id', [...new Set(states.map(({ instance }) => instance))])
    .select('id', 'status');
  return new Map(
    rows.flatMap(({ id, status }) => {
      const { nodeName } = parseObject(status);
      return typeof nodeName === 'string' ? [[id, nodeName] as const] : [];
    }),
  );
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
