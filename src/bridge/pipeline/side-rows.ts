import type { Knex } from 'knex';
import type { Dialect } from '../../database/dialect.js';
import type { RowChange, StoredRow } from './decide.js';
import { isObject, type JsonObject, parseObject } from './json.js';
import { changes } from './status-patch.js';

const METRICS = {
  table: 'd_b_workspace_instance_metrics',
  key: 'instanceId',
  columns: ['metrics'],
  changedAt: '_lastModified',
};

/** Merges the metrics that changes carry into their rows: members deeply, arrays whole. */
export async function mergeMetrics(
  transaction: Knex.Transaction,
  dialect: Dialect,
  committed: readonly { readonly before: StoredRow | undefined; readonly change: RowChange | undefined }[],
): Promise<void> {
  const rows = committed.flatMap(({ before, change }) => {
    if (before === undefined || change?.metrics === undefined) return [];
    const stored = parseObject(before.metrics ?? '{}');
    if (before.metrics !== undefined && !changes(stored, change.metrics)) return [];
    return [[before.instance, JSON.stringify(mergeDeep(stored, change.metrics))]];
  });
  await dialect.upsertRows(transaction, METRICS, rows);
}

/** Removes the tokens that were made for these instances, so that none outlives its instance. */
export async function deleteInstanceTokens(
  transaction: Knex.Transaction,
  rows: readonly StoredRow[],
): Promise<void> {
  const owned = rows.filter((row) => row.owner !== '');
  if (owned.length === 0) return;
  await transaction('d_b_gitpod_token')
    .where((anyOf) => {
      for (const { owner, instance } of owned) {
        const prefix = `${instance.replaceAll(/[!%_]/g, '!$&')}-%`;
        anyOf.orWhere((each) => each.where({ userId: owner }).whereRaw("name like ? escape '!'", [prefix]));
      }
    })
    .delete();
}

function mergeDeep(stored: JsonObject, added: JsonObject): JsonObject {
  const merged: JsonObject = { ...stored };
  for (const [key, value] of Object.entries(added)) {
    const present = merged[key];
    merged[key] = isObject(present) && isObject(value) ? mergeDeep(present, value) : value;
  }
  return merged;
}
