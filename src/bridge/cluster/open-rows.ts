import { isRowPhase, type RowPhase } from '../../../machines/phase-relation.js';
import type { Database } from '../../database/database.js';

/** A row that is not stopped, as far as the control loop needs it. Times are ISO text, '' while unset. */
export interface OpenRow {
  readonly instance: string;
  readonly phase: RowPhase;
  readonly version: bigint;
  readonly creationTime: string;
  readonly startedTime: string;
  readonly stoppingTime: string;
}

/** All rows of a cluster's instances that are not stopped. */
export async function readOpenRows(database: Database, cluster: string): Promise<readonly OpenRow[]> {
  const version = database.dialect.jsonInteger('status', '$.version');
  const rows: RawOpenRow[] = await database.read((connection) =>
    connection('d_b_workspace_instance')
      .where({ region: cluster, deleted: 0 })
      .whereNot('phasePersisted', 'stopped')
      .select(
        'id',
        'phase',
        'creationTime',
        'startedTime',
        'stoppingTime',
        connection.raw(`${version} as version`),
      ),
  );
  return rows.map(({ id, phase, version: text, creationTime, startedTime, stoppingTime }) => ({
    instance: id,
    phase: phase !== null && isRowPhase(phase) ? phase : 'unknown',
    version: /^\d{1,20}$/.test(text) ? BigInt(text) : 0n,
    creationTime,
    startedTime,
    stoppingTime,
  }));
}

interface RawOpenRow {
  readonly id: string;
  readonly phase: string | null;
  readonly version: string;
  readonly creationTime: string;
  readonly startedTime: string;
  readonly stoppingTime: string;
}
