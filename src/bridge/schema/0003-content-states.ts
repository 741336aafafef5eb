import type { Migration } from '../../database/migrations.js';
import { addColumn, createTable, type TableShape } from '../../database/tables.js';

/** Where each actor runs, and how far each node's transitions have been taken. */
export const contentStates: Migration = {
  number: 3,
  name: 'content states',
  async up(transaction, dialect) {
    const node = "varchar(255) not null default ''";
    await addColumn(transaction, dialect, 'steward_instance_content', 'node', node);
    await createTable(transaction, dialect, cursor);
  },
};

/** Sequences of different nodes do not compare, so each has a place of its own to go on from. */
const cursor: TableShape = {
  name: 'steward_content_cursor',
  columns: {
    cluster: 'varchar(64) not null',
    node: 'varchar(255) not null',
    sequence: 'bigint not null',
    // When that transition was, in milliseconds, to know it again; 0 where nobody knows.
    at: 'bigint not null default 0',
  },
  key: ['cluster', 'node'],
};
