import type { Knex } from 'knex';
import { databaseNow } from '../../database/database-now.js';
import type { RowChange, StoredRow } from './decide.js';
import { isObject, type JsonObject, parseObject } from './json.js';

const METRICS = 'd_b_workspace_instance_metrics';

/** Merges the metrics that changes carry into their rows: members deeply, arrays whole. */
export async function mergeMetrics(
  transaction: Knex.Transaction,
  committed: readonly { readonly instance: string; readonly change: RowChange | undefined }[],
): Promise<void> {
  const measured = committed.flatMap(({ instance, change }) =>
    change?.metrics === undefined ? [] : [{ instance, metrics: change.metrics }],
  );
  if (measured.length === 0) return;
  const stored: { instanceId: string; metrics: string }[] = await transaction(METRICS)
    .whereIn(
      'instanceId',
      measured.map((item) => item.instance),
    )
    .select('instanceId', 'metrics');
  const known = new Map(stored.map((row) => [row.instanceId, row.metrics]));
  for (const { instance, metrics } of measured) {
    const text = known.get(instance);
    if (text === undefined) {
      await transaction(METRICS).insert({
        instanceId: instance,
        metrics: JSON.stringify(metrics),
      });
      continue;
    }
    const merged = JSON.stringify(mergeDeep(parseObject(text), metrics));
    if (merged === text) continue;
    await transaction(METRICS)
      .where({ instanceId: instance })
      .update({ metrics: merged, _lastModified: databaseNow(transaction) });
  }
}

/** Removes the tokens that were made for an instance, so that none outlives it. */
export async function deleteInstanceTokens(transaction: Knex.Transaction, row: StoredRow): Promise<void> {
  if (row.owner === '') return;
  await transaction('d_b_gitpod_token')
    .where({ userId: row.owner })
    .whereRaw("name like ? escape '!'", [`${row.instance.replaceAll(/[!%_]/g, '!$&')}-%`])
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
