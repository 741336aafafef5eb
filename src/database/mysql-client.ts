import Mysql2Client from 'knex/lib/dialects/mysql2/index.js';

/**
 * The server only reads (1290, 1792, 1836), or is no member of its cluster (1047, 3100): it may say so for ever, while
 * the address leads to another one by now.
 */
const notThePrimary = new Set([1047, 1290, 1792, 1836, 3100]);

interface Query {
  readonly sql: string;
  readonly options?: object;
  readonly bindings?: readonly unknown[];
}

/** knex's dialect for mysql2, whose statements have a deadline, and whose connections are given up when they should be. */
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
        if (mustEndWith(error) && isConnection(connection)) connection.destroy();
        throw error;
      }
    }
  };
}

function mustEndWith(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // Its answer may still come, and would be taken for that of the next statement.
  if ('code' in error && error.code === 'PROTOCOL_SEQUENCE_TIMEOUT') return true;
  return 'errno' in error && typeof error.errno === 'number' && notThePrimary.has(error.errno);
}

function isConnection(connection: unknown): connection is { destroy(): void } {
  return typeof connection === 'object' && connection !== null && 'destroy' in connection;
}
