import type { Knex } from 'knex';

/** This instant by the database's clock, with what precision it has, in each database's way to say it. */
export const NOW = {
  sqlite: "strftime('%Y-%m-%d %H:%M:%f', 'now')",
  mysql: 'current_timestamp(6)',
} as const;

/** The same as a value for columns, for whoever has a connection only. */
export function databaseNow(connection: Knex): Knex.Raw {
  return connection.raw(connection.client.driverName === 'mysql2' ? NOW.mysql : NOW.sqlite);
}
