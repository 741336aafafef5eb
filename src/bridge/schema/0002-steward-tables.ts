import type { Migration } from '../../database/migrations.js';

/** Our own tables, beside the compatible ones. */
export const stewardTables: Migration = {
  number: 2,
  name: 'steward tables',
  async up(transaction) {
    // Events that are committed with the rows they are about, and published afterwards in this order.
    await transaction.schema.createTable('steward_outbox', (table) => {
      table.increments('sequence');
      table.string('instanceId', 128).notNullable();
      table.string('channel', 255).notNullable();
      table.text('payload').notNullable();
      table.string('createdAt', 255).notNullable();
    });
    // Who may write. The token grows with every owner, so a writer that was paused and wakes up is refused.
    await transaction.schema.createTable('steward_lease', (table) => {
      table.string('name', 64).notNullable().primary();
      table.string('holder', 255).notNullable();
      table.bigInteger('token').notNullable();
      table.string('acquiredAt', 255).notNullable();
    });
    // What every actor of every instance is doing, from the managers' streams of transitions.
    await transaction.schema.createTable('steward_instance_content', (table) => {
      table.string('instanceId', 128).notNullable();
      table.string('actor', 128).notNullable();
      table.string('cluster', 255).notNullable();
      table.string('state', 255).notNullable();
      table.string('step', 255).notNullable().defaultTo('');
      table.string('cause', 255).notNullable().defaultTo('');
      table.text('detail').nullable();
      table.bigInteger('sequence').notNullable();
      table.string('since', 255).notNullable();
      table.primary(['instanceId', 'actor']);
    });
    // Instances whose rows we created: one of them that has vanished since was deleted by somebody, and stays so.
    await transaction.schema.createTable('steward_adoption', (table) => {
      table.string('instanceId', 128).notNullable().primary();
      table.string('adoptedAt', 255).notNullable();
    });
  },
};
