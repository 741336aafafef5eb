import type { Migration } from '../../database/migrations.js';
import { createTable, type TableShape } from '../../database/tables.js';

/** Since when clusters that have rows are known not to be registered: their grace outlives a bridge. */
export const unregisteredClusters: Migration = {
  number: 5,
  name: 'unregistered clusters',
  async up(transaction, dialect) {
    await createTable(transaction, dialect, unregistered);
  },
};

const unregistered: TableShape = {
  name: 'steward_unregistered_cluster',
  columns: { name: 'varchar(255) not null', since: 'varchar(255) not null' },
  key: ['name'],
};
