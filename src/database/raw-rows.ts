import type { Knex } from 'knex';

/** The rows a statement in plain SQL answers. Drivers for MySQL put them into an array together with their columns. */
export async function rawRows<Row>(
  connection: Knex,
  sql: string,
  bindings: readonly (string | number)[] = [],
): Promise<readonly Row[]> {
  // Without bindings there are no places for them, whatever the texts in the statement hold.
  const answer = await (bindings.length === 0 ? connection.raw(sql) : connection.raw(sql, [...bindings]));
  const [first] = answer;
  return Array.isArray(first) ? first : answer;
}
