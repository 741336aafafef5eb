import { createConnection, type RowDataPacket } from 'mysql2/promise';

export interface StoredInstance extends RowDataPacket {
  readonly id: string;
  readonly phasePersisted: string;
  readonly status: string;
  readonly startedTime: string;
  readonly stoppingTime: string;
  readonly stoppedTime: string;
}

/** The rows of instances, looked at from outside; none while the table is not there. */
export async function rowsIn(url: string): Promise<readonly StoredInstance[]> {
  const connection = await createConnection({ uri: url, jsonStrings: true });
  try {
    const [rows] = await connection.query<StoredInstance[]>(
      'select * from d_b_workspace_instance order by id',
    );
    return rows;
  } finally {
    connection.destroy();
  }
}
