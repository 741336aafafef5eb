import type { Database } from '../../database/database.js';
import type { Writing } from '../clusters/writing.js';
import { isoTime } from '../pipeline/iso-time.js';

const TABLE = 'steward_unregistered_cluster';

/**
 * Notes that `names` are the clusters that have rows and are not registered now, and answers since when each is known
 * to be so (milliseconds since the epoch). It is kept in the database: their grace goes on when another bridge takes over.
 */
export async function noteUnregistered(
  { dialect, read }: Pick<Database, 'dialect' | 'read'>,
  writing: Pick<Writing, 'write'>,
  names: ReadonlySet<string>,
  now: number,
): Promise<ReadonlyMap<string, number>> {
  const rows: { name: string; since: string }[] = await read((connection) =>
    connection(TABLE).select('name', 'since'),
  );
  const known = new Map(rows.map(({ name, since }) => [name, Date.parse(since)]));
  const met = [...names].filter((name) => !known.has(name));
  const gone = [...known.keys()].filter((name) => !names.has(name));
  if (met.length + gone.length > 0) {
    await writing.write(async (transaction) => {
      await transaction(TABLE).whereIn('name', gone).delete();
      const insert = dialect.insertMissing(TABLE, 'name', ['name', 'since']);
      for (const name of met) await transaction.raw(insert, [name, isoTime(now)]);
    });
  }
  return new Map([...names].map((name) => [name, known.get(name) ?? now]));
}
