import type { Knex } from 'knex';
import type { DatabaseDoor } from '../database/database.js';
import { StewardError } from '../errors/steward-error.js';
import { LEASE_VALID_MS } from './bounds.js';

const TABLE = 'steward_lease';
/** Apart from the lease: every transaction that writes locks that one, and a renewal must not wait for them. */
const RENEWAL = 'steward_lease_renewal';
const NAME = 'writer';

/** The right to write. Whoever took it later has a larger token, and every write checks it. */
export interface Lease {
  readonly token: number;
  readonly holder: string;
}

/** Takes the lease over from whoever had it, valid or not. */
export function takeLease(database: DatabaseDoor, holder: string, now: string): Promise<Lease> {
  return database.write(async (transaction) => {
    const { token } = await current(transaction, database);
    return replace(transaction, database, { token: token + 1, holder }, now);
  });
}

/** Takes the lease unless somebody has it who has not let it expire: then that holder's name. */
export function claimLease(
  database: DatabaseDoor,
  holder: string,
  now: string,
): Promise<{ readonly lease: Lease } | { readonly heldBy: string }> {
  return database.write(async (transaction) => {
    const { dialect } = database;
    const columns = ['name', 'holder', 'token', 'acquiredAt'];
    // There is a row to lock, also the first time.
    await transaction.raw(dialect.insertMissing(TABLE, 'name', columns), [NAME, '', 0, now]);
    const found = await current(transaction, database);
    if (found.isValid) return { heldBy: found.holder };
    const lease = await replace(transaction, database, { token: found.token + 1, holder }, now);
    return { lease };
  });
}

/** Who has it and does not let it expire; undefined when it can be claimed. Locks nothing. */
export async function leaseHolder(database: DatabaseDoor): Promise<string | undefined> {
  const found = await database.read((connection) => current(connection, database));
  return found.isValid ? found.holder : undefined;
}

/** Until `LEASE_VALID_MS` from now nobody else gets it; false when somebody else already has. */
export function renewLease(database: DatabaseDoor, lease: Lease): Promise<boolean> {
  return database.write(async (transaction) => {
    const renewed: number = await transaction(RENEWAL)
      .where({ name: NAME, token: lease.token })
      .update({ expiresAt: transaction.raw(database.dialect.after(LEASE_VALID_MS)) });
    return renewed > 0;
  });
}

/** Lets the next one take it at once. Nothing may be written with it afterwards. */
export async function releaseLease(database: DatabaseDoor, lease: Lease): Promise<void> {
  await database.write(async (transaction) => {
    await transaction(RENEWAL)
      .where({ name: NAME, token: lease.token })
      .update({ expiresAt: transaction.raw(database.dialect.now) });
  });
}

/**
 * Fails with `stale-generation` unless `lease` is still the newest, and until the transaction ends nobody takes it.
 * Call it inside the transaction that writes, before anything else.
 */
export async function checkLease(transaction: Knex.Transaction, lease: Lease): Promise<void> {
  const row: unknown = await transaction(TABLE).where({ name: NAME }).forShare().first('token');
  const token = typeof row === 'object' && row !== null && 'token' in row ? Number(row.token) : 0;
  if (token === lease.token) return;
  throw new StewardError(
    'stale-generation',
    'Another bridge has taken over this database; this one writes no more.',
  );
}

interface Found {
  readonly token: number;
  readonly holder: string;
  /** Whether it was renewed not too long ago, by the database's clock. */
  readonly isValid: boolean;
}

async function current(connection: Knex, { dialect }: DatabaseDoor): Promise<Found> {
  const rows = connection(`${TABLE} as l`)
    .leftJoin(`${RENEWAL} as r`, (join) => join.on('r.name', 'l.name').andOn('r.token', 'l.token'))
    .where({ 'l.name': NAME });
  if (connection.isTransaction) rows.forUpdate();
  const row: { token: number | string; holder: string; isValid: number | null } | undefined =
    await rows.first('l.token', 'l.holder', connection.raw(`r.expiresAt > ${dialect.now} as isValid`));
  return {
    token: Number(row?.token ?? 0),
    holder: row?.holder ?? '',
    isValid: Number(row?.isValid ?? 0) === 1,
  };
}

async function replace(
  transaction: Knex.Transaction,
  { dialect }: DatabaseDoor,
  lease: Lease,
  now: string,
): Promise<Lease> {
  await transaction(TABLE).where({ name: NAME }).delete();
  await transaction(TABLE).insert({ name: NAME, ...lease, acquiredAt: now });
  await transaction(RENEWAL).where({ name: NAME }).delete();
  const expiresAt = transaction.raw(dialect.after(LEASE_VALID_MS));
  await transaction(RENEWAL).insert({ name: NAME, token: lease.token, expiresAt });
  return lease;
}
