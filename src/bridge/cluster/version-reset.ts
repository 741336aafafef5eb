import type { Knex } from 'knex';
import type { Database } from '../../database/database.js';
import { databaseNow } from '../../database/database-now.js';
import type { Dialect } from '../../database/dialect.js';
import { LIST_DEADLINE_MS, VERSION_RESET_BATCH_MAX } from '../bounds.js';
import type { ManagerClient } from '../clusters/manager-service.js';
import type { Writing } from '../clusters/writing.js';
import { fallenIn } from './fallen-versions.js';
import { type OpenRow, readOpenRows } from './open-rows.js';

export interface VersionResetOptions {
  readonly cluster: string;
  readonly client: Pick<ManagerClient, 'getWorkspaces'>;
  readonly database: Database;
  readonly writing: Pick<Writing, 'write'>;
}

const TABLE = 'd_b_workspace_instance';
const PREBUILDS = 'd_b_prebuilt_workspace';

/** The instances whose rows are ahead of what their manager says now. Fails as a list of it does. */
export async function findFallen(
  { cluster, client, database }: VersionResetOptions,
  signal: AbortSignal,
): Promise<readonly OpenRow[]> {
  const open = await readOpenRows(database, cluster);
  const { status } = await client.getWorkspaces(
    { mustMatch: undefined },
    { signal, timeoutMs: LIST_DEADLINE_MS },
  );
  return fallenIn(open, new Map(Array.from(status, ({ id, statusVersion }) => [id, statusVersion])));
}

/**
 * Lets these rows forget their versions, and their prebuilds theirs, so that whatever is told next is taken. Rows that
 * have changed since they were found stay as they are. Answers the instances.
 */
export async function forgetVersions(
  { database, writing }: VersionResetOptions,
  fallen: readonly OpenRow[],
): Promise<readonly string[]> {
  const forgotten: string[] = [];
  for (let from = 0; from < fallen.length; from += VERSION_RESET_BATCH_MAX) {
    const batch = fallen.slice(from, from + VERSION_RESET_BATCH_MAX);
    const changed = await writing.write(async (transaction) => {
      const ids = await forgetInRows(transaction, database.dialect, batch);
      await forgetInPrebuilds(transaction, ids);
      return ids;
    });
    forgotten.push(...changed);
  }
  return forgotten;
}

async function forgetInRows(
  transaction: Knex.Transaction,
  dialect: Dialect,
  rows: readonly OpenRow[],
): Promise<readonly string[]> {
  const version = dialect.orderedInteger(dialect.jsonInteger(`${TABLE}.status`, '$.version'));
  const update = {
    ...{ table: TABLE, key: 'id', fields: ['expectedVersion'] },
    set: { status: `json_set(${TABLE}.status, '$.version', 0)`, _lastModified: dialect.now },
    where: [`${version} = ${dialect.orderedInteger(dialect.field('expectedVersion'))}`],
  };
  const members = rows.map(({ instance, version: expected }) => ({
    key: instance,
    values: [String(expected)],
  }));
  return [...(await dialect.updateRows(transaction, update, members))];
}

async function forgetInPrebuilds(transaction: Knex.Transaction, instances: readonly string[]): Promise<void> {
  if (instances.length === 0) return;
  const workspaces = transaction(TABLE)
    .whereIn('id', [...instances])
    .select('workspaceId');
  await transaction(PREBUILDS)
    .whereIn('buildWorkspaceId', workspaces)
    .where('statusVersion', '>', 0)
    .update({ statusVersion: 0, _lastModified: databaseNow(transaction) });
}
