import type { Knex } from 'knex';
import { isRowPhase } from '../../../machines/phase-relation.js';
import type { BulkMember, BulkUpdate, Dialect } from '../../database/dialect.js';
import { rawRows } from '../../database/raw-rows.js';
import type { RowChange, StoredRow } from './decide.js';
import { parseObject } from './json.js';
import { membersOf, mergeText } from './status-text.js';
import { storedVersion } from './stored-version.js';

const TABLE = 'd_b_workspace_instance';

/** The rows of `instances`, keyed by instance; those that do not exist are missing. */
export async function readRows(
  connection: Knex,
  instances: readonly string[],
): Promise<ReadonlyMap<string, StoredRow>> {
  if (instances.length === 0) return new Map();
  const places = instances.map(() => '?').join(', ');
  const rows = await rawRows<RawRow>(connection, `${READ} where i.id in (${places})`, instances);
  return new Map(rows.map((row) => [row.id, storedRow(row)]));
}

/** Until the transaction ends nobody else changes these rows, so that what it reads of them afterwards stays true. */
export async function lockRows(transaction: Knex.Transaction, instances: readonly string[]): Promise<void> {
  if (instances.length === 0) return;
  await transaction(TABLE)
    .whereIn('id', [...instances])
    .forUpdate()
    .select('id');
}

/** A row as it was read, and what was decided upon it. */
export interface DecidedChange {
  readonly before: StoredRow;
  readonly change: RowChange;
}

/**
 * Applies each change whose row still has the cluster and the status it was decided upon, and with that version and phase;
 * answers the instances whose rows were changed. Times that are set stay, rows that have vanished stay away.
 */
export async function writeChanges(
  transaction: Knex.Transaction,
  dialect: Dialect,
  changes: readonly DecidedChange[],
): Promise<ReadonlySet<string>> {
  const members = changes.map((change) => memberOf(dialect, change));
  return dialect.updateRows(transaction, bulkUpdate(dialect), members);
}

/** Written out, as each transaction begins with it. */
const READ = `select i.id, i.workspaceId, i.region, i.creationTime, i.startedTime, i.deployedTime,
    i.stoppingTime, i.stoppedTime, i.ideUrl, i.status, w.ownerId, m.metrics
  from ${TABLE} as i
  left join d_b_workspace as w on w.id = i.workspaceId
  left join d_b_workspace_instance_metrics as m on m.instanceId = i.id`;

interface RawRow {
  readonly id: string;
  readonly workspaceId: string;
  readonly region: string;
  readonly ownerId: string | null;
  readonly metrics: string | null;
  readonly creationTime: string;
  readonly startedTime: string;
  readonly deployedTime: string;
  readonly stoppingTime: string;
  readonly stoppedTime: string;
  readonly ideUrl: string;
  readonly status: string;
}

function storedRow(row: RawRow): StoredRow {
  const status = parseObject(row.status);
  const phase = status['phase'];
  return {
    instance: row.id,
    workspace: row.workspaceId,
    region: row.region,
    owner: row.ownerId ?? '',
    metrics: row.metrics ?? undefined,
    version: storedVersion(membersOf(row.status).get('version')),
    phase: typeof phase === 'string' && isRowPhase(phase) ? phase : 'unknown',
    creationTime: row.creationTime,
    startedTime: row.startedTime,
    deployedTime: row.deployedTime,
    stoppingTime: row.stoppingTime,
    stoppedTime: row.stoppedTime,
    ideUrl: row.ideUrl,
    status,
    statusText: row.status,
  };
}

const TIMES = ['startedTime', 'deployedTime', 'stoppingTime', 'stoppedTime'];
const FIELDS = ['before', 'region', 'status', 'phase', 'ideUrl', ...TIMES];

/** In the order of `FIELDS`. */
function memberOf({ fingerprint }: Dialect, { before, change }: DecidedChange): BulkMember {
  const { phase, ideUrl, startedTime, deployedTime, stoppingTime, stoppedTime } = change;
  const status = mergeText(before.statusText, change.patch, { version: change.version });
  return {
    key: change.instance,
    values: [
      ...[fingerprint.of(before.statusText), fingerprint.of(before.region), status, phase, ideUrl],
      ...[startedTime, deployedTime, stoppingTime, stoppedTime],
    ],
  };
}

function bulkUpdate({ field, fingerprint, now }: Dialect): BulkUpdate {
  const once = (column: string) =>
    `case when ${TABLE}.${column} = '' then coalesce(${field(column)}, '') else ${TABLE}.${column} end`;
  return {
    table: TABLE,
    key: 'id',
    fields: FIELDS,
    set: {
      status: field('status'),
      phasePersisted: `coalesce(${field('phase')}, ${TABLE}.phasePersisted)`,
      ideUrl: `coalesce(${field('ideUrl')}, ${TABLE}.ideUrl)`,
      startedTime: once('startedTime'),
      deployedTime: once('deployedTime'),
      stoppingTime: once('stoppingTime'),
      stoppedTime: once('stoppedTime'),
      _lastModified: now,
    },
    // By their digests: a region that differs in a letter's case is another one.
    where: [
      `${fingerprint.sql(`${TABLE}.status`)} = ${field('before')}`,
      `${fingerprint.sql(`${TABLE}.region`)} = ${field('region')}`,
    ],
  };
}
