import { status } from '@grpc/grpc-js';
import { beforeEach, describe, expect, it } from 'vitest';
import { changeCluster, insertCluster } from '../../../src/bridge/clusters/cluster-rows.js';
import {
  type AdmissionConstraint,
  ClusterState,
  type UpdateRequest,
} from '../../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { createAuthority } from '../../grpc/certificates.js';
import { clusterNamed } from '../support/clusters.js';
import { clientTls, securedManager } from '../support/managers.js';
import { startRegistry, staticCluster } from '../support/registry-rig.js';

type Property = NonNullable<UpdateRequest['property']>;

let rig: Awaited<ReturnType<typeof startRegistry>>;
beforeEach(async () => {
  rig = await startRegistry([staticCluster('fixed')]);
  await rig.database.write((transaction) => insertCluster(transaction, clusterNamed('a')));
});

const update = (property: Property, name = 'a') => rig.client.update({ name, property });
const row = async () => (await rig.rows())[0];
const permission = (name: string): AdmissionConstraint => ({
  constraint: { $case: 'hasPermission', value: { permission: name } },
});
const preview: AdmissionConstraint = { constraint: { $case: 'hasFeaturePreview', value: {} } };
const constrain = (add: boolean, constraint: AdmissionConstraint | undefined) =>
  update({ $case: 'admissionConstraint', value: { add, constraint } });
const invalid = { entry: { status: status.INVALID_ARGUMENT } };

describe('Update', () => {
  it('changes the one member it is given, and tells', async () => {
    await update({ $case: 'score', value: 0 });
    await update({ $case: 'maxScore', value: 70 });
    expect(await row()).toEqual(clusterNamed('a', { score: 0, maxScore: 70 }));
    expect(rig.changes()).toBe(2);
  });

  it.each([-1, 10_001, -(2 ** 31)])('refuses the score %i', async (value) => {
    await expect(update({ $case: 'score', value })).rejects.toMatchObject(invalid);
    await expect(update({ $case: 'maxScore', value })).rejects.toMatchObject(invalid);
    expect(await row()).toEqual(clusterNamed('a'));
  });

  it('cordons, and makes available again also what was draining', async () => {
    await update({ $case: 'cordoned', value: true });
    expect((await row())?.state).toBe('cordoned');
    await rig.registry.drain('a');
    expect((await rig.client.list({})).status[0]?.state).toBe(ClusterState.DRAINING);
    await update({ $case: 'cordoned', value: false });
    expect((await row())?.state).toBe('available');
  });

  it('adds a constraint once, and removes that one only', async () => {
    for (let times = 0; times < 2; times += 1) {
      await constrain(true, permission('developer'));
      await constrain(true, permission('admin-users'));
      await constrain(true, preview);
    }
    expect((await row())?.admissionConstraints).toEqual([
      { type: 'has-permission', permission: 'developer' },
      { type: 'has-permission', permission: 'admin-users' },
      { type: 'has-feature-preview' },
    ]);
    await constrain(false, permission('developer'));
    await constrain(false, permission('developer'));
    await constrain(false, preview);
    expect((await row())?.admissionConstraints).toEqual([
      { type: 'has-permission', permission: 'admin-users' },
    ]);
  });

  it('keeps what other programs wrote beside it', async () => {
    const theirs = { type: 'has-class', id: 'large', displayName: 'Large' } as const;
    await rig.database.write((transaction) =>
      changeCluster(transaction, 'a', { admissionConstraints: [theirs] }),
    );
    await constrain(true, preview);
    expect((await row())?.admissionConstraints).toEqual([theirs, { type: 'has-feature-preview' }]);
    expect((await rig.client.list({})).status[0]?.admissionConstraint).toEqual([preview]);
  });

  it('loses none of many changes that come at once', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `permission-${index}`);
    await Promise.all(names.map((name) => constrain(true, permission(name))));
    expect((await row())?.admissionConstraints).toHaveLength(10);
  });

  it.each([
    ['a constraint that is none', undefined],
    ['an empty constraint', { constraint: undefined }],
    ['a permission without a name', permission('')],
  ])('refuses %s', async (_what, constraint) => {
    await expect(constrain(true, constraint)).rejects.toMatchObject(invalid);
    expect((await row())?.admissionConstraints).toEqual([]);
  });

  it('refuses to change nothing', async () => {
    await expect(rig.client.update({ name: 'a', property: undefined })).rejects.toMatchObject(invalid);
  });

  it.each(['nobody', 'fixed', "a' --"])('is NOT_FOUND for %s', async (name) => {
    await expect(update({ $case: 'score', value: 1 }, name)).rejects.toMatchObject({
      entry: { status: status.NOT_FOUND },
    });
  });

  it('takes new credentials that its manager takes, and no others', async () => {
    const { manager, tls, authority } = await securedManager();
    await rig.database.write((transaction) =>
      insertCluster(transaction, clusterNamed('secured', { url: manager.address, tls })),
    );
    const secured = async () => (await rig.rows()).find(({ name }) => name === 'secured');
    const change = (value: typeof tls) => update({ $case: 'tls', value }, 'secured');

    await change(tls);
    expect([manager.descriptions, rig.changes()]).toEqual([0, 0]);

    const next = clientTls(authority);
    await change(next);
    expect([manager.descriptions, rig.changes()]).toEqual([1, 1]);
    expect((await secured())?.tls).toEqual(next);

    await expect(change(clientTls(createAuthority('theirs')))).rejects.toMatchObject({
      entry: { status: status.FAILED_PRECONDITION },
    });
    await expect(change({ ...next, key: '' })).rejects.toMatchObject(invalid);
    await expect(change({ ...next, key: tls.key })).rejects.toMatchObject(invalid);
    expect((await secured())?.tls).toEqual(next);
  });
});
