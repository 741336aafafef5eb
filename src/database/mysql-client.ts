import Mysql2Client from 'knex/lib/dialects/mysql2/index.js';

interface Query {
  readonly sql: string;
  readonly options?: object;
  readonly bindings?: readonly unknown[];
}

/** knex's dialect for mysql2, whose statements have a deadline. */
export function mysqlClient(deadlineMs: number): typeof Mysql2Client {
  return class extends Mysql2Client {
    override async _query(connection: unknown, query: Query): Promise<unknown> {
      const limited = Object.assign(query, { options: { ...query.options, timeout: deadlineMs } });
      // Otherwise the driver would look for places of bindings in all of a large statement.
      if (query.bindings?.length === 0) {
        Object.assign(limited, { bindings: undefined, options: { ...limited.options, values: null } });
      }
      try {
        return await super._query(connection, limited);
      } catch (error) {
        // Its answer may still come, and would be taken for that of the next statement.
        if (isTimeout(error) && isConnection(connection)) connection.destroy();
        throw error;
      }
    }
  };
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'PROTOCOL_SEQUENCE_TIMEOUT';
}

function isConnection(connection: unknown): connection is { destroy(): void } {
  return typeof connection === 'object' && connection !== null && 'destroy' in connection;
}
