import type { Knex } from 'knex';
import type { Database } from '../../database/database.js';
import type {
  ContentStateRow,
  ListContentStatesRequest,
  ListContentStatesResponse,
} from '../../gen/steward/v1/bridge.js';
import { pageSize } from '../../grpc/validation.js';
import { CONTENT_STATES_MAX } from '../bounds.js';
import { CONTENT_ACTOR, contentStateNamed } from '../contents/actor-state.js';

/**
 * What every actor is doing, as its cluster's manager told it last, sorted by instance id, the content before its
 * children. A token is the last id shown.
 */
export async function listContentStates(
  database: Database,
  request: ListContentStatesRequest,
): Promise<ListContentStatesResponse> {
  const size = pageSize(request.pageSize, 'page_size', CONTENT_STATES_MAX);
  return database.read(async (connection) => {
    const instances = await instancesOf(connection, request, size + 1);
    const shown = instances.slice(0, size);
    const rows = await rowsOf(connection, shown);
    return {
      contentStates: shown.flatMap((instance) => stateRows(rows.filter((row) => row.instance === instance))),
      nextPageToken: instances.length > size ? (shown.at(-1) ?? '') : '',
    };
  });
}

async function instancesOf(
  connection: Knex,
  { owner, workspaceId, instanceId, pageToken }: ListContentStatesRequest,
  limit: number,
): Promise<readonly string[]> {
  const query = joined(connection).groupBy('c.instanceId').orderBy('c.instanceId').limit(limit);
  if (pageToken !== '') query.where('c.instanceId', '>', pageToken);
  if (instanceId !== '') query.where('c.instanceId', instanceId);
  if (workspaceId !== '') query.where('i.workspaceId', workspaceId);
  if (owner !== '') query.where('w.ownerId', owner);
  const rows: { instance: string }[] = await query.select('c.instanceId as instance');
  return rows.map(({ instance }) => instance);
}

interface StoredState {
  readonly instance: string;
  readonly workspace: string | null;
  readonly owner: string | null;
  readonly cluster: string;
  readonly node: string;
  readonly actor: string;
  readonly state: string;
  readonly step: string;
  readonly cause: string;
  readonly detail: string | null;
  readonly sequence: number | string;
  readonly since: string;
}

async function rowsOf(connection: Knex, instances: readonly string[]): Promise<readonly StoredState[]> {
  return joined(connection)
    .whereIn('c.instanceId', [...instances])
    .orderBy('c.actor')
    .select(
      { instance: 'c.instanceId', workspace: 'i.workspaceId', owner: 'w.ownerId' },
      ...['cluster', 'node', 'actor', 'state', 'step', 'cause', 'detail', 'sequence', 'since'].map(
        (column) => `c.${column}`,
      ),
    );
}

function joined(connection: Knex): Knex.QueryBuilder {
  return connection('steward_instance_content as c')
    .leftJoin('d_b_workspace_instance as i', 'i.id', 'c.instanceId')
    .leftJoin('d_b_workspace as w', 'w.id', 'i.workspaceId');
}

/** Of one instance. */
function stateRows(rows: readonly StoredState[]): readonly ContentStateRow[] {
  const content = rows.find(({ actor }) => actor === CONTENT_ACTOR);
  const state = contentStateNamed(content?.state ?? '');
  const others = rows.filter((row) => row !== content);
  return [...(content === undefined ? [] : [content]), ...others].map((row) => ({
    instanceId: row.instance,
    workspaceId: row.workspace ?? '',
    owner: row.owner ?? '',
    region: row.cluster,
    ...{ node: row.node, actor: row.actor, step: row.step, cause: row.cause, state },
    detail: row.detail ?? '',
    sequence: BigInt(row.sequence),
    atMs: BigInt(row.since === '' ? 0 : Date.parse(row.since)),
  }));
}
