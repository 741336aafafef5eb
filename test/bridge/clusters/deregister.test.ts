import { status } from '@grpc/grpc-js';
import { beforeEach, describe, expect, it } from 'vitest';
import { insertCluster } from '../../../src/bridge/clusters/cluster-rows.js';
import { clusterNamed } from '../support/clusters.js';
import { insertInstance } from '../support/instances.js';
import { startRegistry, staticCluster } from '../support/registry-rig.js';

let rig: Awaited<ReturnType<typeof startRegistry>>;
beforeEach(async () => {
  rig = await startRegistry([staticCluster('fixed')]);
  for (const name of ['a', 'b']) {
    await rig.database.write((transaction) => insertCluster(transaction, clusterNamed(name)));
  }
});

const names = async () => (await rig.rows()).map(({ name }) => name);
const inUse = (message: string) => ({
  entry: { status: status.FAILED_PRECONDITION },
  message: expect.stringContaining(message),
});

describe('Deregister', () => {
  it('removes a cluster that nothing runs in, and only that one', async () => {
    await insertInstance(rig.database, { id: 'i-1', region: 'a', phase: 'stopped' });
    await insertInstance(rig.database, { id: 'i-2', region: 'b', phase: 'running' });
    await rig.client.deregister({ name: 'a', force: false });
    expect(await names()).toEqual(['b']);
    expect(rig.changes()).toBe(1);
  });

  it.each([
    ['regular', 'running'],
    ['regular', 'stopping'],
    ['prebuild', 'pending'],
    ['imagebuild', 'interrupted'],
  ] as const)('leaves it while a %s instance is %s, unless forced', async (type, phase) => {
    await insertInstance(rig.database, { id: 'i-1', region: 'a', phase, type });
    await expect(rig.client.deregister({ name: 'a', force: false })).rejects.toMatchObject(
      inUse('1 instance has not stopped in cluster "a": i-1'),
    );
    expect(await names()).toEqual(['a', 'b']);
    await rig.client.deregister({ name: 'a', force: true });
    expect(await names()).toEqual(['b']);
  });

  it('is not held by instances whose status has stopped, or that belong to another name', async () => {
    await insertInstance(rig.database, { id: 'i-1', region: 'a', phase: 'running' });
    await rig.database.write((transaction) =>
      transaction('d_b_workspace_instance').update({ status: '{"phase":"stopped"}' }),
    );
    await insertInstance(rig.database, { id: 'i-2', region: 'A', phase: 'running' });
    await rig.client.deregister({ name: 'A', force: true });
    expect(await names()).toEqual(['a', 'b']);
    await rig.client.deregister({ name: 'a', force: false });
    expect(await names()).toEqual(['b']);
  });

  it('counts all instances and names some', async () => {
    for (let index = 10; index < 25; index += 1) {
      await insertInstance(rig.database, { id: `i-${index}`, region: 'a', phase: 'running' });
    }
    await expect(rig.client.deregister({ name: 'a', force: false })).rejects.toMatchObject(
      inUse('15 instances have not stopped in cluster "a": i-10, i-11'),
    );
  });

  it('succeeds for a name nobody knows, as often as it is asked', async () => {
    await rig.client.deregister({ name: 'a', force: false });
    await rig.client.deregister({ name: 'a', force: false });
    await rig.client.deregister({ name: "x'; drop table d_b_workspace_cluster", force: true });
    expect(await names()).toEqual(['b']);
  });

  it('does not pretend to remove a cluster of the configuration', async () => {
    await expect(rig.client.deregister({ name: 'fixed', force: true })).rejects.toMatchObject(
      inUse('configuration'),
    );
    expect((await rig.client.list({})).status.map((cluster) => [cluster.name, cluster.static])).toEqual([
      ['a', false],
      ['b', false],
      ['fixed', true],
    ]);
  });

  it('makes room for a registration of the same name and url', async () => {
    await rig.client.deregister({ name: 'a', force: false });
    await rig.database.write((transaction) => insertCluster(transaction, clusterNamed('a', { score: 1 })));
    expect(await names()).toEqual(['a', 'b']);
  });
});
