import type { Migration } from '../../database/migrations.js';
import { createTable } from '../../database/tables.js';
import { compatibleTableShapes } from './compatible-tables.js';
import { claim, OURS } from './foreign-tables.js';

/**
 * The tables of the compatible system. Where another program has made them, they are taken as they are, and nothing
 * is added to them unless `allowAlter` says so.
 */
export function compatibleTables(allowAlter: boolean): Migration {
  return {
    number: 1,
    name: 'compatible tables',
    async up(transaction, dialect) {
      const shapes = compatibleTableShapes(dialect.columns);
      const missing = await claim(transaction, dialect, shapes, allowAlter);
      for (const shape of missing) await createTable(transaction, dialect, shape, OURS);
    },
  };
}
