import { expect, it, onTestFinished } from 'vitest';
import { readOpenRows, readOpenRowsElsewhere } from '../../../src/bridge/cluster/open-rows.js';
import { openSqlite } from '../../../src/database/database.js';

/** As another program may have made it: what compares texts passes over their case. */
const TABLE = `create table d_b_workspace_instance (
  id text not null primary key, region text not null collate nocase, creationTime text not null default '',
  startedTime text not null default '', stoppingTime text not null default '', status text not null,
  phase text generated always as (json_extract(status, '$.phase')) virtual,
  phasePersisted text not null collate nocase, deleted integer not null default 0)`;

it('tells clusters apart by their exact names, where the database does not', async () => {
  const database = openSqlite(':memory:');
  onTestFinished(() => database.close());
  await database.write(async (transaction) => {
    await transaction.raw(TABLE);
    const rows = ['eu', 'EU', 'Eu', 'us'].map((region) => ({ id: `of ${region}`, region }));
    const running = { status: '{"phase":"running"}', phasePersisted: 'running' };
    await transaction('d_b_workspace_instance').insert(rows.map((row) => ({ ...row, ...running })));
  });
  const ids = (rows: readonly { readonly instance: string }[]) => rows.map(({ instance }) => instance).sort();
  expect(ids(await readOpenRows(database, 'eu'))).toEqual(['of eu']);
  expect(ids(await readOpenRows(database, 'EU'))).toEqual(['of EU']);
  expect(ids(await readOpenRowsElsewhere(database, ['eu', 'us']))).toEqual(['of EU', 'of Eu']);
  expect(await readOpenRowsElsewhere(database, [])).toHaveLength(4);
});
