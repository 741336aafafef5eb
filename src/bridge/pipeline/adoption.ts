import type { Knex } from 'knex';
import type { Dialect } from '../../database/dialect.js';
import { ROW_ID_LENGTH_MAX, ROW_TEXT_LENGTH_MAX } from '../bounds.js';
import { isoTime, millisecondsOf } from './iso-time.js';
import type { StatusUpdate } from './updates.js';

/**
 * Creates the rows of instances that nobody has told the database about, where no other program does. Each is
 * adopted once: a row that somebody deleted afterwards stays deleted.
 */
export async function adoptInstances(
  transaction: Knex.Transaction,
  dialect: Dialect,
  unknown: readonly StatusUpdate[],
  now: string,
): Promise<ReadonlySet<string>> {
  const adopted = new Set<string>();
  for (const update of unknown) {
    if (update.owner === '' || update.workspace === '') continue;
    if (adoptionProblem(dialect, update) !== undefined) continue;
    if (await isAdopted(transaction, update.instance)) continue;
    await transaction('steward_adoption').insert({ instanceId: update.instance, adoptedAt: now });
    await insertWorkspace(transaction, dialect, update);
    await insertInstance(transaction, update);
    adopted.add(update.instance);
  }
  return adopted;
}

/** Why no row can hold the instance; undefined when one can. SQLite takes texts of any length, whatever its columns say. */
export function adoptionProblem(dialect: Dialect, update: StatusUpdate): string | undefined {
  if (dialect.name === 'sqlite') return undefined;
  const { instance, workspace, owner } = update;
  const ids = { 'its id': instance, 'the id of its workspace': workspace, 'its owner': owner };
  const [long] = Object.entries(ids).find(([, id]) => id.length > ROW_ID_LENGTH_MAX) ?? [];
  return long === undefined ? undefined : `${long} is longer than ${ROW_ID_LENGTH_MAX} characters`;
}

async function isAdopted(transaction: Knex.Transaction, instance: string): Promise<boolean> {
  const row: unknown = await transaction('steward_adoption')
    .where({ instanceId: instance })
    .first('instanceId');
  return row !== undefined;
}

async function insertWorkspace(
  transaction: Knex.Transaction,
  dialect: Dialect,
  update: StatusUpdate,
): Promise<void> {
  // Texts of any length have no default everywhere.
  const texts = { contextURL: '', context: '{}', config: '{}' };
  const { workspace: id, owner: ownerId, type } = update;
  const row = { id, ownerId, type, creationTime: creationTime(update), ...texts };
  await transaction.raw(dialect.insertMissing('d_b_workspace', 'id', Object.keys(row)), Object.values(row));
}

async function insertInstance(transaction: Knex.Transaction, update: StatusUpdate): Promise<void> {
  await transaction('d_b_workspace_instance').insert({
    id: update.instance,
    workspaceId: update.workspace,
    region: update.cluster,
    creationTime: creationTime(update),
    ideUrl: '',
    workspaceImage: fitting(update.status.spec?.workspaceImage),
    workspaceClass: fitting(update.status.spec?.class),
    status: JSON.stringify({ version: 0, conditions: {}, phase: 'preparing' }),
    phasePersisted: 'preparing',
  });
}

function fitting(text = ''): string {
  return text.length <= ROW_TEXT_LENGTH_MAX ? text : '';
}

function creationTime(update: StatusUpdate): string {
  return isoTime(millisecondsOf(update.status.metadata?.startedAt) ?? update.receivedAt);
}
