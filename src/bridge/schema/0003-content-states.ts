import type { Migration } from '../../database/migrations.js';

/** Where each actor runs, and how far each node's transitions have been taken. */
export const contentStates: Migration = {
  number: 3,
  name: 'content states',
  async up(transaction) {
    await transaction.schema.alterTable('steward_instance_content', (table) => {
      table.string('node', 255).notNullable().defaultTo('');
    });
    // Sequences of different nodes do not compare, so each has a place of its own to go on from.
    await transaction.schema.createTable('steward_content_cursor', (table) => {
      table.string('cluster', 64).notNullable();
      table.string('node', 255).notNullable();
      table.bigInteger('sequence').notNullable();
      table.primary(['cluster', 'node']);
    });
  },
};
