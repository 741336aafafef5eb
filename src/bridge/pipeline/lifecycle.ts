import type { LifecyclePayload } from '../channels.js';
import type { RowChange, StoredRow } from './decide.js';
import { isObject, type JsonObject } from './json.js';

/** What `change` begins or ends in the life of an instance, for whoever counts lives. */
export function lifecycleEvents(row: StoredRow, change: RowChange): readonly LifecyclePayload[] {
  const { instance, workspace, owner } = row;
  const ids = { instanceId: instance, workspaceId: workspace };
  const events: LifecyclePayload[] = [];
  if (change.startedTime !== undefined) {
    events.push({
      event: 'workspace_running',
      messageId: `bridge-wsrun-${instance}`,
      userId: owner,
      timestamp: change.startedTime,
      properties: ids,
    });
  }
  if (change.stops) {
    events.push({
      event: 'workspace_stopped',
      messageId: `bridge-wsstopped-${instance}`,
      userId: owner,
      timestamp: change.stoppedTime ?? row.stoppedTime,
      properties: {
        ...ids,
        stoppingTime: change.stoppingTime ?? row.stoppingTime,
        conditions: { ...objectIn(row.status), ...objectIn(change.patch) },
        timeout: change.patch['timeout'] ?? row.status['timeout'] ?? '',
      },
    });
  }
  return events;
}

/** Texts of conditions can hold what a user's program printed: that something failed is told, not what it said. */
function objectIn(status: JsonObject): JsonObject {
  const conditions = status['conditions'];
  if (!isObject(conditions)) return {};
  return Object.fromEntries(
    Object.entries(conditions).map(([name, value]) => [name, isFreeText(name, value) ? value !== '' : value]),
  );
}

function isFreeText(name: string, value: unknown): boolean {
  return typeof value === 'string' && name !== 'firstUserActivity';
}
