import type { Migration } from '../../database/migrations.js';
import { createTable, type TableShape } from '../../database/tables.js';

/** Until when the holder of the lease has it, by the database's clock. */
export const leaseRenewals: Migration = {
  number: 4,
  name: 'lease renewals',
  async up(transaction, dialect) {
    await createTable(transaction, dialect, renewal);
  },
};

/** Beside the lease itself, which every transaction that writes locks: a renewal must not wait for them. */
const renewal: TableShape = {
  name: 'steward_lease_renewal',
  columns: { name: 'varchar(64) not null', token: 'bigint not null', expiresAt: 'timestamp(6) null' },
  key: ['name'],
};
