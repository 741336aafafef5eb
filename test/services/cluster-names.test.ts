import { expect, it, onTestFinished } from 'vitest';
import { readOpenRows, readOpenRowsElsewhere, settlePhases } from '../../src/bridge/cluster/open-rows.js';
import {
  changeCluster,
  findAlike,
  findByName,
  insertCluster,
} from '../../src/bridge/clusters/cluster-rows.js';
import { clusterNamed } from '../bridge/support/clusters.js';
import { insertInstance } from '../bridge/support/instances.js';
import { openTestDatabase } from '../support/test-database.js';

it('clusters are told apart by their exact names in tables that compare without case, as known ones do', async () => {
  const database = await openTestDatabase();
  onTestFinished(() => database.close());
  await database.write(async (transaction) => {
    for (const table of ['d_b_workspace_instance', 'd_b_workspace_cluster'])
      await transaction.raw(
        `alter table ${table} convert to character set utf8mb4 collate utf8mb4_unicode_ci`,
      );
    await insertCluster(transaction, clusterNamed('eu'));
  });
  for (const [id, region] of [
    ['a', 'eu'],
    ['b', 'EU'],
    ['c', 'us'],
  ] as const)
    await insertInstance(database, { id, region, phase: 'running' });
  const ids = (rows: readonly { readonly instance: string }[]) => rows.map(({ instance }) => instance).sort();
  expect(ids(await readOpenRows(database, 'eu'))).toEqual(['a']);
  expect(ids(await readOpenRowsElsewhere(database, ['eu', 'us']))).toEqual(['b']);
  expect(ids(await readOpenRowsElsewhere(database, []))).toEqual(['a', 'b', 'c']);

  expect(await database.read((connection) => findByName(connection, 'EU'))).toBeUndefined();
  expect((await database.read((connection) => findByName(connection, 'eu')))?.name).toBe('eu');
  expect((await database.read((connection) => findAlike(connection, 'EU')))?.name).toBe('eu');
  expect(await database.write((transaction) => changeCluster(transaction, 'EU', { score: 1 }))).toBe(false);

  await database.write((transaction) =>
    transaction('d_b_workspace_instance').where({ id: 'c' }).update({ status: '{"phase":"stopped"}' }),
  );
  expect([await settlePhases(database, database), await settlePhases(database, database)]).toEqual([1, 0]);
});
