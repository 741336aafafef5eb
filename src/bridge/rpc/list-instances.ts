import type { Knex } from 'knex';
import type { Database } from '../../database/database.js';
import { StewardError } from '../../errors/steward-error.js';
import type {
  InstanceRow,
  ListInstancesRequest,
  ListInstancesResponse,
} from '../../gen/steward/v1/bridge.js';
import { LIST_INSTANCES_MAX } from '../bounds.js';
import { parseObject } from '../pipeline/json.js';
import { storedVersion } from '../pipeline/stored-version.js';

/** Rows that match everything that is set, newest first. Owner tokens stay where they are. */
export async function listInstances(
  database: Database,
  request: ListInstancesRequest,
): Promise<ListInstancesResponse> {
  const size = Math.min(request.pageSize > 0 ? request.pageSize : LIST_INSTANCES_MAX, LIST_INSTANCES_MAX);
  if (request.instanceIds.length > LIST_INSTANCES_MAX)
    throw new StewardError('invalid-argument', `instance_ids has more than ${LIST_INSTANCES_MAX} ids.`);
  const after = request.pageToken === '' ? undefined : parseToken(request.pageToken);
  const rows = await database.read((connection) => query(connection, database, request, after, size + 1));
  const page = rows.slice(0, size);
  const last = page.at(-1);
  return {
    instances: page.map(instanceRow),
    nextPageToken: rows.length > size && last !== undefined ? token(last) : '',
  };
}

interface Position {
  readonly creationTime: string;
  readonly id: string;
}

interface RawRow extends Position {
  readonly workspaceId: string;
  readonly ownerId: string | null;
  readonly region: string;
  readonly phasePersisted: string;
  readonly version: string;
  readonly startedTime: string;
  readonly deployedTime: string;
  readonly stoppingTime: string;
  readonly stoppedTime: string;
  readonly ideUrl: string;
  readonly status: string;
  readonly workspaceClass: string;
}

async function query(
  connection: Knex,
  database: Database,
  request: ListInstancesRequest,
  after: Position | undefined,
  limit: number,
): Promise<RawRow[]> {
  const rows = connection('d_b_workspace_instance as i')
    .leftJoin('d_b_workspace as w', 'w.id', 'i.workspaceId')
    .where('i.deleted', 0)
    .orderBy([
      { column: 'i.creationTime', order: 'desc' },
      { column: 'i.id', order: 'desc' },
    ])
    .limit(limit);
  if (request.owner !== '') rows.where('w.ownerId', request.owner);
  if (request.workspaceId !== '') rows.where('i.workspaceId', request.workspaceId);
  if (request.instanceId !== '') rows.where('i.id', request.instanceId);
  if (request.instanceIds.length > 0) rows.whereIn('i.id', request.instanceIds);
  if (request.region !== '') rows.where('i.region', request.region);
  if (request.phases.length > 0) rows.whereIn('i.phasePersisted', request.phases);
  if (after !== undefined) rows.whereRaw('(i.creationTime, i.id) < (?, ?)', [after.creationTime, after.id]);
  const version = database.dialect.jsonInteger('i.status', '$.version');
  return rows.select<RawRow[]>('i.*', 'w.ownerId', connection.raw(`${version} as version`));
}

function instanceRow(row: RawRow): InstanceRow {
  const status = parseObject(row.status);
  const message = status['message'];
  return {
    instanceId: row.id,
    workspaceId: row.workspaceId,
    owner: row.ownerId ?? '',
    region: row.region,
    phase: row.phasePersisted,
    version: storedVersion(row.version),
    creationTime: row.creationTime,
    startedTime: row.startedTime,
    deployedTime: row.deployedTime,
    stoppingTime: row.stoppingTime,
    stoppedTime: row.stoppedTime,
    url: row.ideUrl,
    conditionsJson: JSON.stringify(status['conditions'] ?? {}),
    message: typeof message === 'string' ? message : '',
    workspaceClass: row.workspaceClass,
  };
}

function token(row: Position): string {
  return Buffer.from(JSON.stringify([row.creationTime, row.id])).toString('base64url');
}

function parseToken(text: string): Position {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (Array.isArray(parts)) {
      const [creationTime, id] = parts;
      if (typeof creationTime === 'string' && typeof id === 'string') return { creationTime, id };
    }
  } catch {
    // Told below, as any other text that is no token.
  }
  throw new StewardError('invalid-argument', 'page_token is not one that ListInstances has answered.');
}
