import type { Knex } from 'knex';
import { isRowPhase, type RowPhase } from '../../../machines/phase-relation.js';
import type { Database } from '../../database/database.js';
import { databaseNow } from '../../database/database-now.js';
import { PHASES_SETTLED_MAX } from '../bounds.js';
import { hexOf } from '../clusters/exact-names.js';
import type { Writing } from '../clusters/writing.js';
import { storedVersion } from '../pipeline/stored-version.js';

/** A row that is not stopped, as far as the control loops need it. Times are ISO text, '' while unset. */
export interface OpenRow {
  readonly instance: string;
  /** Name of its cluster. */
  readonly region: string;
  readonly phase: RowPhase;
  readonly version: bigint;
  readonly creationTime: string;
  readonly startedTime: string;
  readonly stoppingTime: string;
}

/** All rows of a cluster's instances that are not stopped. */
export async function readOpenRows(database: Database, cluster: string): Promise<readonly OpenRow[]> {
  const rows = await read(database, (rows) => rows.where({ region: cluster }));
  return rows.filter(({ region }) => region === cluster);
}

/** The rows that are not stopped of all clusters but `clusters`. */
export async function readOpenRowsElsewhere(
  database: Database,
  clusters: readonly string[],
): Promise<readonly OpenRow[]> {
  if (clusters.length === 0) return read(database, (rows) => rows);
  const names = clusters.map(hexOf);
  return read(database, (rows) =>
    rows.whereRaw(`hex(region) not in (${names.map(() => '?').join()})`, names),
  );
}

/** Rows of any cluster in one of the phases, those made before `createdBefore` (ISO text). */
export async function readRowsIn(
  database: Database,
  phases: readonly RowPhase[],
  createdBefore: string,
): Promise<readonly OpenRow[]> {
  return read(database, (rows) =>
    rows.whereIn('phasePersisted', [...phases]).where('creationTime', '<=', createdBefore),
  );
}

export async function countOpenRows(database: Database): Promise<number> {
  const row: unknown = await database.read((connection) => open(connection).count({ count: '*' }).first());
  return typeof row === 'object' && row !== null && 'count' in row ? Number(row.count) : 0;
}

/** Others may write that an instance has stopped into its status only; see `settlePhases`. */
export function open(connection: Knex): Knex.QueryBuilder {
  return notPersistedAsStopped(connection).whereRaw("coalesce(phase, '') <> 'stopped'");
}

function notPersistedAsStopped(connection: Knex): Knex.QueryBuilder {
  return connection('d_b_workspace_instance').where({ deleted: 0 }).whereNot('phasePersisted', 'stopped');
}

/**
 * Brings the column by which open rows are found in step with the status of some rows that have stopped. Answers how many
 * that were.
 */
export async function settlePhases(database: Database, writing: Pick<Writing, 'write'>): Promise<number> {
  // An index of `phase` leads to every row that has ever stopped.
  const stopped = "coalesce(phase, '') = 'stopped'";
  const rows: { id: string }[] = await database.read((connection) =>
    notPersistedAsStopped(connection).whereRaw(stopped).limit(PHASES_SETTLED_MAX).select('id'),
  );
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id);
  return writing.write((transaction) =>
    notPersistedAsStopped(transaction)
      .whereRaw(stopped)
      .whereIn('id', ids)
      .update({ phasePersisted: 'stopped', _lastModified: databaseNow(transaction) }),
  );
}

async function read(
  database: Database,
  narrow: (rows: Knex.QueryBuilder) => Knex.QueryBuilder,
): Promise<readonly OpenRow[]> {
  const version = database.dialect.jsonInteger('status', '$.version');
  const rows: RawOpenRow[] = await database.read((connection) =>
    narrow(open(connection)).select(
      'id',
      'region',
      'phase',
      'creationTime',
      'startedTime',
      'stoppingTime',
      connection.raw(`${version} as version`),
    ),
  );
  return rows.map(({ id, phase, version: text, ...row }) => ({
    ...row,
    instance: id,
    phase: phase !== null && isRowPhase(phase) ? phase : 'unknown',
    version: storedVersion(text),
  }));
}

interface RawOpenRow {
  readonly id: string;
  readonly region: string;
  readonly phase: string | null;
  readonly version: string;
  readonly creationTime: string;
  readonly startedTime: string;
  readonly stoppingTime: string;
}
