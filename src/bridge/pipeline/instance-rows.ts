import type { Knex } from 'knex';
import { isRowPhase, phaseSuccessors, rowPhases } from '../../../machines/phase-relation.js';
import type { BulkUpdate, Dialect } from '../../database/dialect.js';
import { StewardError } from '../../errors/steward-error.js';
import type { RowChange, StoredRow } from './decide.js';
import { isObject, type JsonObject, parseObject } from './json.js';

const TABLE = 'd_b_workspace_instance';

/** The rows of `instances`, keyed by instance; those that do not exist are missing. */
export async function readRows(
  connection: Knex,
  dialect: Dialect,
  instances: readonly string[],
): Promise<ReadonlyMap<string, StoredRow>> {
  const rows: RawRow[] = await connection(`${TABLE} as i`)
    .leftJoin('d_b_workspace as w', 'w.id', 'i.workspaceId')
    .leftJoin('d_b_workspace_instance_metrics as m', 'm.instanceId', 'i.id')
    .whereIn('i.id', [...instances])
    .select(
      ...['id', 'workspaceId', 'creationTime', 'startedTime', 'deployedTime'].map((column) => `i.${column}`),
      ...['stoppingTime', 'stoppedTime', 'ideUrl', 'status'].map((column) => `i.${column}`),
      'w.ownerId',
      'm.metrics',
      connection.raw(`${dialect.jsonInteger('i.status', '$.version')} as version`),
    );
  return new Map(rows.map((row) => [row.id, storedRow(row)]));
}

/**
 * Applies each change whose row still has the version it was decided upon and a phase that the new one may
 * follow; answers the instances whose rows were changed. Times that are set stay, rows that have vanished stay
 * away.
 */
export async function writeChanges(
  transaction: Knex.Transaction,
  dialect: Dialect,
  changes: readonly RowChange[],
): Promise<ReadonlySet<string>> {
  const members = changes.map((change) => ({ key: change.instance, json: member(change) }));
  return dialect.updateRows(transaction, bulkUpdate(dialect), members);
}

interface RawRow {
  readonly id: string;
  readonly workspaceId: string;
  readonly ownerId: string | null;
  readonly metrics: string | null;
  readonly creationTime: string;
  readonly startedTime: string;
  readonly deployedTime: string;
  readonly stoppingTime: string;
  readonly stoppedTime: string;
  readonly ideUrl: string;
  readonly status: string;
  readonly version: string;
}

function storedRow(row: RawRow): StoredRow {
  const status = parseObject(row.status);
  const phase = status['phase'];
  return {
    instance: row.id,
    workspace: row.workspaceId,
    owner: row.ownerId ?? '',
    metrics: row.metrics ?? undefined,
    version: integer(row.version),
    phase: typeof phase === 'string' && isRowPhase(phase) ? phase : 'unknown',
    creationTime: row.creationTime,
    startedTime: row.startedTime,
    deployedTime: row.deployedTime,
    stoppingTime: row.stoppingTime,
    stoppedTime: row.stoppedTime,
    ideUrl: row.ideUrl,
    status,
  };
}

/** What others wrote as a version and is no integer counts as none. */
function integer(text: string): bigint {
  return /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}

/** What an update may remove from the status. */
const REMOVABLE = ['pullingImages', 'deployed', 'stoppedByRequest'].map((key) => `$.conditions.${key}`);

/**
 * Absent members stay away. JavaScript could not write 64-bit integers as numbers, so the version is put into the text
 * of the patch.
 */
function member(change: RowChange): string {
  const { instance, expectedVersion, version, patch, phase, ideUrl } = change;
  const { startedTime, deployedTime, stoppingTime, stoppedTime } = change;
  const times = { startedTime, deployedTime, stoppingTime, stoppedTime };
  const said = JSON.stringify({
    id: instance,
    expectedVersion: String(expectedVersion),
    phase,
    ideUrl,
    ...times,
    removed: removedIn(patch),
    patch: { ...withoutNulls(patch), version: 0 },
  });
  return `${said.slice(0, -'0}}'.length)}${version}}}`;
}

/** The members that a patch removes, as a list of paths; undefined when there are none. */
function removedIn(patch: JsonObject): string | undefined {
  const paths = nullsIn(patch, '$');
  const strange = paths.find((path) => !REMOVABLE.includes(path));
  if (strange !== undefined) throw new StewardError('internal', `Nothing removes ${strange} from a status.`);
  return paths.length === 0 ? undefined : paths.join(',');
}

function nullsIn(patch: JsonObject, path: string): string[] {
  return Object.entries(patch).flatMap(([key, value]) => {
    if (value === null) return [`${path}.${key}`];
    return isObject(value) ? nullsIn(value, `${path}.${key}`) : [];
  });
}

function withoutNulls(patch: JsonObject): JsonObject {
  const kept = Object.entries(patch).filter(([, value]) => value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [key, isObject(value) ? withoutNulls(value) : value]));
}

function bulkUpdate(dialect: Dialect): BulkUpdate {
  const { field } = dialect;
  const once = (column: string) =>
    `case when ${TABLE}.${column} = '' then coalesce(${field(column)}, '') else ${TABLE}.${column} end`;
  return {
    table: TABLE,
    key: 'id',
    fields: {
      expectedVersion: 'text',
      patch: 'json',
      removed: 'text',
      phase: 'text',
      ideUrl: 'text',
      startedTime: 'text',
      deployedTime: 'text',
      stoppingTime: 'text',
      stoppedTime: 'text',
    },
    set: {
      status: dialect.mergeJson(`${TABLE}.status`, 'patch', { field: 'removed', paths: REMOVABLE }),
      phasePersisted: `coalesce(${field('phase')}, ${TABLE}.phasePersisted)`,
      ideUrl: `coalesce(${field('ideUrl')}, ${TABLE}.ideUrl)`,
      startedTime: once('startedTime'),
      deployedTime: once('deployedTime'),
      stoppingTime: once('stoppingTime'),
      stoppedTime: once('stoppedTime'),
      _lastModified: dialect.now,
    },
    where: [
      `${dialect.orderedInteger(dialect.jsonInteger(`${TABLE}.status`, '$.version'))} = ${dialect.orderedInteger(field('expectedVersion'))}`,
      phaseGuard(`${TABLE}.phase`, field('phase')),
    ],
  };
}

/** The phase relation as SQL. A phase that no table knows counts as `unknown`, as it does in `storedRow`. */
function phaseGuard(stored: string, told: string): string {
  const quoted = (phases: readonly string[]) => phases.map((phase) => `'${phase}'`).join(', ');
  const cases = rowPhases.map(
    (phase) => `when '${phase}' then ${told} in (${quoted(phaseSuccessors[phase])})`,
  );
  return `(${told} is null or case ${stored} ${cases.join(' ')} else 1 end)`;
}
