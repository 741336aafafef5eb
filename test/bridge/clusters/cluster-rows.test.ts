import { describe, expect, it, onTestFinished } from 'vitest';
import {
  changeCluster,
  deleteByName,
  findByName,
  findClusters,
  insertCluster,
} from '../../../src/bridge/clusters/cluster-rows.js';
import type { WorkspaceCluster } from '../../../src/bridge/clusters/workspace-cluster.js';
import { clusterNamed } from '../support/clusters.js';
import { openMigrated } from '../support/pipeline-harness.js';

async function tableWith(...clusters: readonly WorkspaceCluster[]) {
  const database = await openMigrated();
  onTestFinished(() => database.close());
  for (const cluster of clusters) {
    await database.write((transaction) => insertCluster(transaction, cluster));
  }
  return database;
}

/** The published vectors of the compatible system's cluster table. */
describe('the table of clusters', () => {
  const small = { id: 'small', displayName: 'Small', description: 'for trying', creditsPerMinute: 0.5 };

  it('finds one by its name', async () => {
    const database = await tableWith(clusterNamed('eu71'), clusterNamed('us71'));
    expect(await database.read((connection) => findByName(connection, 'eu71'))).toEqual(clusterNamed('eu71'));
    expect(await database.read((connection) => findByName(connection, 'xx71'))).toBeUndefined();
  });

  it('deletes one by its name and leaves the others', async () => {
    const database = await tableWith(clusterNamed('eu71'), clusterNamed('us71'));
    expect(await database.write((transaction) => deleteByName(transaction, 'eu71'))).toBe(true);
    expect(await database.read((connection) => findByName(connection, 'eu71'))).toBeUndefined();
    expect(await database.read((connection) => findByName(connection, 'us71'))).toBeDefined();
    expect(await database.read((connection) => findClusters(connection, {}))).toHaveLength(1);
  });

  it('keeps the classes of one', async () => {
    const eu71 = clusterNamed('eu71', { availableWorkspaceClasses: [small] });
    const database = await tableWith(eu71, clusterNamed('us71'));
    expect(await database.read((connection) => findClusters(connection, { name: 'eu71' }))).toEqual([eu71]);
  });

  it('finds all without a region, and those of one region with it', async () => {
    const database = await tableWith(
      clusterNamed('a', { region: 'europe' }),
      clusterNamed('b'),
      clusterNamed('c'),
    );
    const found = async (region?: string) =>
      database.read((connection) => findClusters(connection, region === undefined ? {} : { region }));
    expect(await found()).toHaveLength(3);
    expect(await found('')).toHaveLength(3);
    expect((await found('europe')).map(({ name }) => name)).toEqual(['a']);
  });

  it('filters by url, state, score and government', async () => {
    const database = await tableWith(
      clusterNamed('a', { url: 'one:1', score: 10 }),
      clusterNamed('b', { state: 'cordoned', governed: false, score: 60 }),
    );
    const names = async (filter: Parameters<typeof findClusters>[1]) =>
      (await database.read((connection) => findClusters(connection, filter))).map(({ name }) => name);
    expect(await names({ url: 'one:1' })).toEqual(['a']);
    expect(await names({ state: 'cordoned' })).toEqual(['b']);
    expect(await names({ minScore: 11 })).toEqual(['b']);
    expect(await names({ governed: false })).toEqual(['b']);
  });

  it('shows no row that is marked as deleted, and neither changes nor makes one', async () => {
    const database = await tableWith(clusterNamed('a'));
    await database.write((transaction) => transaction('d_b_workspace_cluster').update({ deleted: 1 }));
    expect(await database.read((connection) => findClusters(connection))).toEqual([]);
    const change = (name: string) =>
      database.write((transaction) => changeCluster(transaction, name, { score: 1 }));
    expect([await change('a'), await change('b')]).toEqual([false, false]);
  });

  it('reads what other programs left odd, and takes no workspaces for a state it does not know', async () => {
    const database = await tableWith(clusterNamed('a'));
    await database.write((transaction) =>
      transaction('d_b_workspace_cluster').update({
        state: 'melting',
        score: null,
        maxScore: null,
        tls: 'no json',
        admissionConstraints: '[{"type":"has-moon"},{"type":"has-class","id":"x","displayName":"X"},7]',
        availableWorkspaceClasses: '{"id":1}',
      }),
    );
    expect(await database.read((connection) => findByName(connection, 'a'))).toEqual(
      clusterNamed('a', {
        state: 'cordoned',
        score: 0,
        maxScore: 0,
        admissionConstraints: [{ type: 'has-class', id: 'x', displayName: 'X' }],
      }),
    );
  });

  it('says of a row when it was changed, to fractions of a second', async () => {
    const database = await tableWith(clusterNamed('a'), clusterNamed('b'), clusterNamed('c'));
    const fractions = async () => {
      const rows: { at: string }[] = await database.read((connection) =>
        connection('d_b_workspace_cluster').select(connection.raw('cast(_lastModified as char) as at')),
      );
      // The server fills up with zeros what it was given without.
      return rows.map(({ at }) => /\.(\d+)$/.exec(at)?.[1] ?? '').filter((text) => !/^(0{6})?$/.test(text));
    };
    expect(await fractions()).not.toEqual([]);
    for (const name of ['a', 'b', 'c']) {
      await database.write((transaction) => changeCluster(transaction, name, { score: 1 }));
    }
    expect(await fractions()).not.toEqual([]);
  });
});
