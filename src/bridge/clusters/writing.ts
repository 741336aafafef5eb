import type { Knex } from 'knex';
import type { StewardError } from '../../errors/steward-error.js';

/** The right of this bridge to change the database, as far as it has it. */
export interface Writing {
  /**
   * Runs `work` in a transaction that checks the lease first. Rejects with `unavailable`, naming who writes, while this
   * bridge is a standby, and with `stale-generation` when another one has taken over.
   */
  write<Result>(work: (transaction: Knex.Transaction) => Promise<Result>): Promise<Result>;
  /** Why nothing may be written now, for callers who would wait in vain; undefined for the one that writes. */
  refusal(): StewardError | undefined;
}
