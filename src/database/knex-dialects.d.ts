/** The parts of knex that its own types leave out: the dialect classes that other drivers are put under. */
declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import type { Knex } from 'knex';

  export default class BetterSqlite3Client extends Knex.Client {
    _driver(): unknown;
    _query(connection: unknown, query: { readonly sql: string }): Promise<unknown>;
  }
}

declare module 'knex/lib/dialects/sqlite3/execution/sqlite-transaction.js' {
  import type { Knex } from 'knex';

  interface SqliteTransaction extends Knex.Transaction {}
  class SqliteTransaction {
    constructor(client: Knex.Client, container: unknown, config: unknown, outer: unknown);
    begin(connection: unknown): PromiseLike<unknown>;
    query(connection: unknown, sql: string): Knex.QueryBuilder;
  }
  export default SqliteTransaction;
}

declare module 'knex/lib/dialects/mysql2/index.js' {
  import type { Knex } from 'knex';

  export default class Mysql2Client extends Knex.Client {
    _query(connection: unknown, query: { readonly sql: string }): Promise<unknown>;
  }
}
