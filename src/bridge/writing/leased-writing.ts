import type { Knex } from 'knex';
import type { DatabaseDoor } from '../../database/database.js';
import { StewardError } from '../../errors/steward-error.js';
import type { Writing } from '../clusters/writing.js';
import { checkLease } from '../lease.js';
import { type LeaseKeeper, notTheWriter } from './lease-keeper.js';

/** Writes to a database while the keeper has its lease: each transaction makes sure of that. */
export function leasedWriting(
  database: DatabaseDoor,
  keeper: Pick<LeaseKeeper, 'lease' | 'lost' | 'heldBy' | 'mode'>,
): Writing {
  const refusal = () => (keeper.lease === undefined ? notTheWriter(keeper) : undefined);
  return {
    refusal,
    write: async <Result>(work: (transaction: Knex.Transaction) => Promise<Result>) => {
      const { lease } = keeper;
      if (lease === undefined) throw notTheWriter(keeper);
      try {
        return await database.write(async (transaction) => {
          await checkLease(transaction, lease);
          return work(transaction);
        });
      } catch (error) {
        if (error instanceof StewardError && error.code === 'stale-generation') keeper.lost(lease);
        throw error;
      }
    },
  };
}
