import type { Dialect } from '../../database/dialect.js';
import type { Migration } from '../../database/migrations.js';
import { createTable, type TableShape } from '../../database/tables.js';

const TEXT = 'varchar(255) not null';
const ID = 'varchar(128) not null';

/** Our own tables, beside the compatible ones. */
export const stewardTables: Migration = {
  number: 2,
  name: 'steward tables',
  async up(transaction, dialect) {
    for (const table of [outbox(dialect), lease, instanceContent, adoption]) {
      await createTable(transaction, dialect, table);
    }
  },
};

/** Events that are committed with the rows they are about, and published afterwards in this order. */
function outbox({ name }: Dialect): TableShape {
  const sequence = {
    sqlite: 'integer not null primary key autoincrement',
    mysql: 'bigint not null auto_increment primary key',
  }[name];
  return {
    name: 'steward_outbox',
    columns: { sequence, instanceId: ID, channel: TEXT, payload: 'text not null', createdAt: TEXT },
    key: [],
  };
}

/** Who may write. The token grows with every owner, so a writer that was paused and wakes up is refused. */
const lease: TableShape = {
  name: 'steward_lease',
  columns: { name: 'varchar(64) not null', holder: TEXT, token: 'bigint not null', acquiredAt: TEXT },
  key: ['name'],
};

/** What every actor of every instance is doing, from the managers' streams of transitions. */
const instanceContent: TableShape = {
  name: 'steward_instance_content',
  columns: {
    instanceId: ID,
    actor: ID,
    cluster: TEXT,
    state: TEXT,
    step: `${TEXT} default ''`,
    cause: `${TEXT} default ''`,
    detail: 'text null',
    sequence: 'bigint not null',
    since: TEXT,
  },
  key: ['instanceId', 'actor'],
};

/** Instances whose rows we created: one of them that has vanished since was deleted by somebody, and stays so. */
const adoption: TableShape = {
  name: 'steward_adoption',
  columns: { instanceId: ID, adoptedAt: TEXT },
  key: ['instanceId'],
};
