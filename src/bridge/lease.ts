import type { Knex } from 'knex';
import type { Database } from '../database/database.js';
import { StewardError } from '../errors/steward-error.js';

const TABLE = 'steward_lease';
const NAME = 'writer';

/** The right to write. Whoever took it later has a larger token, and every write checks it. */
export interface Lease {
  readonly token: number;
  readonly holder: string;
}

/**
 * Takes the lease over from whoever had it. In the embedded system there is one bridge; one that is left over
 * from before is refused from here on.
 */
export async function takeLease(database: Database, holder: string, now: string): Promise<Lease> {
  return database.write(async (transaction) => {
    const token = (await currentToken(transaction)) + 1;
    await transaction(TABLE).where({ name: NAME }).delete();
    await transaction(TABLE).insert({ name: NAME, holder, token, acquiredAt: now });
    return { token, holder };
  });
}

/** Fails with `stale-generation` unless `lease` is still the newest. Call inside the transaction that writes. */
export async function checkLease(transaction: Knex.Transaction, lease: Lease): Promise<void> {
  if ((await currentToken(transaction)) === lease.token) return;
  throw new StewardError(
    'stale-generation',
    'Another bridge has taken over this database; this one writes no more.',
  );
}

async function currentToken(transaction: Knex.Transaction): Promise<number> {
  const row: unknown = await transaction(TABLE).where({ name: NAME }).forShare().first('token');
  return typeof row === 'object' && row !== null && 'token' in row ? Number(row.token) : 0;
}
