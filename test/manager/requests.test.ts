import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/errors/catalog.js';
import { GitInitializer } from '../../src/gen/content-service-api/initializer.js';
import {
  DeleteVolumeSnapshotRequest,
  EnvironmentVariable,
  PortSpec,
  type StartWorkspaceRequest,
  StopWorkspacePolicy,
  WorkspacePhase,
  WorkspaceStatus,
} from '../../src/gen/ws-manager-api/core.js';
import { Rig, startRequest } from './rig.js';

async function started(): Promise<Rig> {
  const rig = new Rig();
  await rig.start();
  return rig;
}

function start(rig: Rig, request: StartWorkspaceRequest) {
  return rig.within(rig.rpc.startWorkspace(request, rig.call()));
}

function gitStart(remoteUri: string, checkoutLocation: string): StartWorkspaceRequest {
  const value = GitInitializer.fromPartial({ remoteUri, checkoutLocation, config: {} });
  return startRequest({ spec: { initializer: { spec: { $case: 'git', value } } } });
}

function untilRunning(rig: Rig, id: string) {
  return rig.until(id, ({ phase }) => phase === WorkspacePhase.RUNNING);
}

describe('a start request that is wrong', () => {
  const variable = (name: string, value = '') => EnvironmentVariable.fromPartial({ name, value });
  const cases: readonly (readonly [string, StartWorkspaceRequest, string])[] = [
    ['no spec', { ...startRequest(), spec: undefined }, 'spec'],
    ['no metadata', { ...startRequest(), metadata: undefined }, 'metadata'],
    ['no image', startRequest({ spec: { workspaceImage: '' } }), 'spec.workspace_image'],
    ['no location', startRequest({ spec: { workspaceLocation: '' } }), 'spec.workspace_location'],
    ['no initializer', startRequest({ spec: { initializer: undefined } }), 'spec.initializer'],
    [
      'an initializer with nothing set',
      startRequest({ spec: { initializer: { spec: undefined } } }),
      'initializer',
    ],
    ['a clone URL that runs a program', gitStart('ext::sh -c id', ''), 'remote_uri'],
    ['a checkout outside of the workspace', gitStart('https://example.com/x', '../x'), 'checkout_location'],
    [
      'a port twice',
      startRequest({
        spec: { ports: [PortSpec.fromPartial({ port: 1 }), PortSpec.fromPartial({ port: 1 })] },
      }),
      'spec.ports',
    ],
    ['no id', startRequest({ id: '' }), 'id'],
    ['an id with a slash', startRequest({ id: 'a/b' }), 'id'],
    ['an id that climbs', startRequest({ id: 'a..b' }), 'id'],
    ['an endless id', startRequest({ id: 'a'.repeat(10_000) }), 'id'],
    ['no prefix', startRequest({ servicePrefix: '' }), 'service_prefix'],
    ['no owner', startRequest({ metadata: { owner: '' } }), 'metadata.owner'],
    ['no workspace', startRequest({ metadata: { metaId: '' } }), 'metadata.meta_id'],
    ['a timeout Go would refuse', startRequest({ spec: { timeout: '30 minutes' } }), 'spec.timeout'],
    [
      'a closed timeout Go would refuse',
      startRequest({ spec: { closedTimeout: '5' } }),
      'spec.closed_timeout',
    ],
    ['a lifetime Go would refuse', startRequest({ spec: { maximumLifetime: 'h' } }), 'spec.maximum_lifetime'],
    [
      'a variable without a name',
      startRequest({ spec: { envvars: [variable('')] } }),
      'spec.envvars[0].name',
    ],
    [
      'a variable with =',
      startRequest({ spec: { envvars: [variable('A=B', 'x')] } }),
      'spec.envvars[0].name',
    ],
    [
      'a command that is no list',
      startRequest({ metadata: { annotations: { 'steward.dev/command': 'sleep 1' } } }),
      'steward.dev/command',
    ],
    [
      'an empty command',
      startRequest({ metadata: { annotations: { 'steward.dev/command': '[]' } } }),
      'steward.dev/command',
    ],
  ];

  test.each(cases)('%s is refused by the name of the field', async (_, request, field) => {
    const rig = await started();
    const answer = rig.rpc.startWorkspace(request, rig.call());
    await expect(answer).rejects.toMatchObject({ code: 'invalid-argument' satisfies ErrorCode });
    await expect(answer).rejects.toThrow(field);
    expect(await rig.statuses()).toEqual([]);
  });

  test('an unknown type and admission level are refused', async () => {
    const rig = await started();
    const type = { ...startRequest(), ...JSON.parse('{"type":99}') };
    await expect(start(rig, type)).rejects.toMatchObject({ code: 'invalid-argument' });
    const admission = startRequest({ spec: JSON.parse('{"admission":7}') });
    await expect(start(rig, admission)).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('the value of a variable is in no message', async () => {
    const rig = await started();
    const envvars = [variable('A=', 'hunter2')];
    const refusal = await start(rig, startRequest({ spec: { envvars } })).catch(String);
    expect(refusal).not.toContain('hunter2');
  });

  test('the spec is looked at before the id', async () => {
    const rig = await started();
    await expect(start(rig, startRequest({ id: '', spec: { workspaceImage: '' } }))).rejects.toThrow('image');
  });
});

describe('starting again', () => {
  test('with the same request gives the same answer, while it starts, runs and has stopped', async () => {
    const rig = await started();
    const [first, together] = await rig.within(
      Promise.all([
        rig.rpc.startWorkspace(startRequest(), rig.call()),
        rig.rpc.startWorkspace(startRequest(), rig.call()),
      ]),
    );
    expect(together).toEqual(first);
    await untilRunning(rig, 'instance-1');
    expect(await start(rig, startRequest())).toEqual(first);
    await rig.within(
      rig.rpc.stopWorkspace({ id: 'instance-1', policy: StopWorkspacePolicy.ABORT }, rig.call()),
    );
    await rig.until('instance-1', ({ phase }) => phase === WorkspacePhase.STOPPED);
    expect(await start(rig, startRequest())).toEqual(first);
    expect([...rig.node.starts.values()]).toEqual([1]);
  });

  test('annotations in another order are the same request', async () => {
    const rig = await started();
    const first = await start(rig, startRequest({ metadata: { annotations: { a: '1', b: '2' } } }));
    const second = await start(rig, startRequest({ metadata: { annotations: { b: '2', a: '1' } } }));
    expect(second).toEqual(first);
  });

  test('with another request for the same id is refused', async () => {
    const rig = await started();
    await start(rig, startRequest());
    await expect(start(rig, startRequest({ spec: { workspaceImage: 'other' } }))).rejects.toMatchObject({
      code: 'already-exists',
    });
  });

  test('a second instance of a workspace is refused until the first has stopped', async () => {
    const rig = await started();
    await start(rig, startRequest());
    const second = startRequest({ id: 'instance-2' });
    await expect(start(rig, second)).rejects.toMatchObject({ code: 'already-exists' });
    await rig.within(
      rig.rpc.stopWorkspace({ id: 'instance-1', policy: StopWorkspacePolicy.NORMALLY }, rig.call()),
    );
    await rig.until('instance-1', ({ phase }) => phase === WorkspacePhase.STOPPED);
    await expect(start(rig, second)).resolves.toMatchObject({ url: 'steward://instance-2' });
  });
});

describe('what is told', () => {
  async function three(): Promise<Rig> {
    const rig = await started();
    await start(
      rig,
      startRequest({ id: 'a', metadata: { owner: 'o1', metaId: 'w1', annotations: { k: 'v', x: 'y' } } }),
    );
    await start(
      rig,
      startRequest({ id: 'b', metadata: { owner: 'o1', metaId: 'w2', annotations: { k: 'v' } } }),
    );
    await start(rig, startRequest({ id: 'c', metadata: { owner: 'o2', metaId: 'w3' } }));
    return rig;
  }

  test.each([
    [{ owner: 'o1', metaId: '', annotations: {} }, ['a', 'b']],
    [{ owner: '', metaId: 'w3', annotations: {} }, ['c']],
    [{ owner: 'o1', metaId: 'w3', annotations: {} }, []],
    [{ owner: '', metaId: '', annotations: { k: 'v' } }, ['a', 'b']],
    [{ owner: '', metaId: '', annotations: { k: 'v', x: 'y' } }, ['a']],
    [{ owner: '', metaId: '', annotations: { toString: 'v' } }, []],
    [undefined, ['a', 'b', 'c']],
  ])('filter %j', async (mustMatch, ids) => {
    const rig = await three();
    const { status } = await rig.rpc.getWorkspaces({ mustMatch }, rig.call());
    expect(status.map(({ id }) => id).sort()).toEqual(ids);
  });

  test('every status can be sent', async () => {
    const rig = await three();
    for (const status of await rig.statuses()) {
      expect(WorkspaceStatus.decode(WorkspaceStatus.encode(status).finish())).toEqual(status);
    }
  });

  test('an unknown id is NOT_FOUND', async () => {
    const rig = await started();
    await expect(rig.rpc.describeWorkspace({ id: 'nobody' }, rig.call())).rejects.toMatchObject({
      code: 'unknown-instance',
    });
  });

  test('an unknown class stands for the default one', async () => {
    const rig = await started();
    await start(rig, startRequest({ spec: { class: 'unknown' } }));
    expect((await rig.status('instance-1')).spec?.class).toBe('g1-standard');
  });

  test('timeouts are those of the request, else the configured ones', async () => {
    const rig = await started();
    await start(rig, startRequest({ spec: { timeout: '1h' } }));
    expect((await rig.status('instance-1')).spec).toMatchObject({ timeout: '1h0m0s', closedTimeout: '2m0s' });
  });
});

describe('snapshots and backups', () => {
  test('a snapshot needs the instance running', async () => {
    const rig = await started();
    rig.node.setUpMs = 1_000_000;
    await start(rig, startRequest());
    const request = { id: 'instance-1', returnImmediately: true };
    await expect(rig.rpc.takeSnapshot(request, rig.call())).rejects.toMatchObject({ code: 'wrong-state' });
    await expect(rig.rpc.takeSnapshot({ ...request, id: 'x' }, rig.call())).rejects.toMatchObject({
      code: 'unknown-instance',
    });
  });

  test.each([true, false])(
    'its answer is the daemon’s (return_immediately %s)',
    async (returnImmediately) => {
      const rig = await started();
      await start(rig, startRequest());
      await untilRunning(rig, 'instance-1');
      const answer = rig.within(rig.rpc.takeSnapshot({ id: 'instance-1', returnImmediately }, rig.call()));
      await expect(answer).resolves.toEqual({ url: 'owner/workspaces/instance-1/snapshot@steward' });
    },
  );

  test('a backup is the daemon’s', async () => {
    const rig = await started();
    await start(rig, startRequest());
    await untilRunning(rig, 'instance-1');
    await expect(rig.within(rig.rpc.backupWorkspace({ id: 'instance-1' }, rig.call()))).resolves.toEqual({
      url: 'backup-of-instance-1@steward',
    });
  });
});

describe('what needs a cluster', () => {
  test('volume snapshots are refused with the reason', async () => {
    const rig = await started();
    const request = DeleteVolumeSnapshotRequest.fromPartial({ id: 'snapshot' });
    const answer = rig.rpc.deleteVolumeSnapshot(request, rig.call());
    await expect(answer).rejects.toMatchObject({ code: 'needs-cluster' });
    await expect(answer).rejects.toThrow('volume');
  });

  test('the cluster is described from the configuration', async () => {
    const rig = new Rig(1, { classes: { xlarge: {}, large: {} }, preferredClass: 'large' });
    await rig.start();
    const answer = await rig.rpc.describeCluster({}, rig.call());
    expect(answer.workspaceClasses.map(({ id }) => id)).toEqual(['large', 'xlarge']);
    expect(answer.preferredWorkspaceClass).toBe('large');
    expect(answer.workspaceClasses[0]?.description).toBe('0 vCPU, 0GB memory, 0GB disk');
  });

  /** As published for the known manager. */
  test('a class is described by its limits, else its requests, in decimal giga', async () => {
    const rig = new Rig(1, {
      classes: {
        default: {
          name: 'Default Workspace',
          creditsPerMinute: 0.4,
          requests: { cpu: '1', memory: '1G', storage: '1G' },
          limits: { cpu: { burst: '10' }, memory: '15G', storage: '20G' },
        },
        'only-requests': { requests: { cpu: '500m', memory: '1.5G', storage: '10Gi' } },
        told: { description: 'Big', limits: { memory: '1G' } },
      },
      preferredClass: 'default',
    });
    await rig.start();
    const { workspaceClasses } = await rig.rpc.describeCluster({}, rig.call());
    expect(workspaceClasses).toMatchObject([
      {
        id: 'default',
        displayName: 'Default Workspace',
        description: '10 vCPU, 15GB memory, 20GB disk',
        creditsPerMinute: 0.4,
      },
      { id: 'only-requests', description: '1 vCPU, 2GB memory, 11GB disk' },
      { id: 'told', description: 'Big' },
    ]);
  });

  test('no classes are no classes', async () => {
    const rig = new Rig(1, { classes: {}, preferredClass: '' });
    await rig.start();
    await expect(rig.rpc.describeCluster({}, rig.call())).resolves.toEqual({
      workspaceClasses: [],
      preferredWorkspaceClass: '',
    });
    await expect(start(rig, startRequest())).rejects.toThrow('spec.class');
  });

  test.each(['', '-a', 'a b', 'x'.repeat(64)])('a class is not called %j', (id) => {
    expect(() => new Rig(1, { classes: { [id]: {} } })).toThrow();
  });
});
