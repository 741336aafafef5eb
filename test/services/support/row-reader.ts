import { createPool, type Pool, type RowDataPacket } from 'mysql2/promise';

/** A row of `d_b_workspace_instance`, as a program that has nothing to do with the bridge reads it. */
export interface SeenRow {
  readonly id: string;
  readonly region: string;
  readonly phase: string;
  readonly phasePersisted: string;
  readonly version: bigint;
  readonly message: string;
  readonly startedTime: string;
  readonly deployedTime: string;
  readonly stoppingTime: string;
  readonly stoppedTime: string;
}

const COLUMNS = ['id', 'region', 'phase', 'phasePersisted', 'startedTime', 'deployedTime'];
const TIMES = ['stoppingTime', 'stoppedTime'];

/** Reads rows over connections of its own. */
export class RowReader {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = createPool({ uri: url, connectionLimit: 2, dateStrings: true });
  }

  /** Those whose id begins so, by id. */
  async rows(prefix: string): Promise<readonly SeenRow[]> {
    const [rows] = await this.#pool.query<RowDataPacket[]>(
      `select ${[...COLUMNS, ...TIMES].join(', ')}, cast(json_extract(status, '$.version') as char) as version,
        json_value(status, '$.message') as message
        from d_b_workspace_instance where id like ? order by id`,
      [`${prefix}%`],
    );
    return rows.map(seenRow);
  }

  async prebuild(id: string): Promise<{ readonly state: string; readonly snapshot: string } | undefined> {
    const [[row]] = await this.#pool.query<RowDataPacket[]>(
      'select state, snapshot from d_b_prebuilt_workspace where id = ?',
      [id],
    );
    return row && { state: String(row['state']), snapshot: String(row['snapshot']) };
  }

  /** Events that are not published yet. */
  async waitingEvents(): Promise<number> {
    const [[row]] = await this.#pool.query<RowDataPacket[]>('select count(*) as count from steward_outbox');
    return Number(row?.['count'] ?? 0);
  }

  async execute(sql: string, values: readonly (string | number)[]): Promise<void> {
    await this.#pool.query(sql, [...values]);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

function seenRow(row: RowDataPacket): SeenRow {
  const text = (column: string) => String(row[column] ?? '');
  return {
    id: text('id'),
    region: text('region'),
    phase: text('phase').trim(),
    phasePersisted: text('phasePersisted').trim(),
    version: BigInt(text('version') || '0'),
    message: text('message'),
    startedTime: text('startedTime'),
    deployedTime: text('deployedTime'),
    stoppingTime: text('stoppingTime'),
    stoppedTime: text('stoppedTime'),
  };
}
