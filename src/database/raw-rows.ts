import type { Knex } from 'knex';

/** The rows a statement in plain SQL answers. Drivers for MySQL put them into an array together with their columns. */
export async function rawRows<Row>(
  connection: Knex,
  sql: string,
  bindings: readonly (string | number)[] = [],
): Promise<readonly Row[]> {
  const answer = await connection.raw(sql, [...bindings]);
  const [first] = answer;
  return Array.isArray(first) ? first : answer;
}
