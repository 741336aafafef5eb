import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  ControlAdmissionRequest,
  ControlPortRequest,
  EnvironmentVariable,
  IDEImage,
  MarkActiveRequest,
  PortSpec,
  SetTimeoutRequest,
  StartWorkspaceRequest,
  StopWorkspacePolicy,
  StopWorkspaceRequest,
  TakeSnapshotRequest,
  UpdateSSHKeyRequest,
  WorkspacePhase,
} from '../../src/gen/ws-manager-api/core.js';
import { Rig, type StartChange, startRequest } from './rig.js';

const HUGE = 'x'.repeat(2_000_000);
/** Enough for a request that is too large, whatever there is so much of. */
const MANY = 70_000;
let rig: Rig;

/** Every request is made beside an instance that must not notice. */
beforeAll(withBystander);

async function withBystander(): Promise<void> {
  rig = new Rig();
  await rig.start();
  const metadata = { owner: 'bystander', metaId: 'bystander', annotations: { a: 'b' } };
  await rig.within(rig.rpc.startWorkspace(startRequest({ id: 'bystander', metadata }), rig.call()));
  await rig.until('bystander', ({ phase }) => phase === WorkspacePhase.RUNNING);
}

/** What a call answers: `OK`, or the code of its refusal, which is short whatever was sent. */
async function outcome(call: () => Promise<object>): Promise<string> {
  const before = await rig.status('bystander');
  try {
    await rig.within(call());
    return 'OK';
  } catch (thrown) {
    if (!(thrown instanceof StewardError)) throw thrown;
    expect(thrown.message.length).toBeLessThan(300);
    return thrown.code;
  } finally {
    expect(await rig.status('bystander')).toEqual(before);
  }
}

/** As it arrives: unknown numbers of enums are kept, as grpc keeps them. */
function start(change: StartChange): Promise<object> {
  const bytes = StartWorkspaceRequest.encode(startRequest(change)).finish();
  return rig.rpc.startWorkspace(StartWorkspaceRequest.decode(bytes), rig.call());
}

describe('an id', () => {
  const calls = {
    StopWorkspace: (id: string) =>
      rig.rpc.stopWorkspace(StopWorkspaceRequest.fromPartial({ id }), rig.call()),
    DescribeWorkspace: (id: string) => rig.rpc.describeWorkspace({ id }, rig.call()),
    MarkActive: (id: string) => rig.rpc.markActive(MarkActiveRequest.fromPartial({ id }), rig.call()),
    SetTimeout: (id: string) =>
      rig.rpc.setTimeout(SetTimeoutRequest.fromPartial({ id, duration: '1h' }), rig.call()),
    ControlPort: (id: string) =>
      rig.rpc.controlPort(ControlPortRequest.fromPartial({ id, spec: { port: 1 } }), rig.call()),
    ControlAdmission: (id: string) =>
      rig.rpc.controlAdmission(ControlAdmissionRequest.fromPartial({ id }), rig.call()),
    UpdateSSHKey: (id: string) =>
      rig.rpc.updateSshKey(UpdateSSHKeyRequest.fromPartial({ id, keys: ['k'] }), rig.call()),
    TakeSnapshot: (id: string) => rig.rpc.takeSnapshot(TakeSnapshotRequest.fromPartial({ id }), rig.call()),
    BackupWorkspace: (id: string) => rig.rpc.backupWorkspace({ id }, rig.call()),
  };

  describe.each(Object.entries(calls))('for %s', (name, call) => {
    test.each([HUGE, 'a\0b', 'a\nb'])('that is wrong (%.10j) is refused', async (id) => {
      expect(await outcome(() => call(id))).toBe('invalid-argument');
    });

    test('that is empty is refused, but where an unknown one is none', async () => {
      expect(await outcome(() => call(''))).toBe(name === 'StopWorkspace' ? 'OK' : 'invalid-argument');
    });

    test.each(['nobody', 'a/b', '../bystander', 'BYSTANDER', 'bystander ', '__proto__', 'toString'])(
      'that nobody has (%s) is unknown',
      async (id) => {
        // A stop of what is not there has nothing left to do.
        expect(await outcome(() => call(id))).toBe(name === 'StopWorkspace' ? 'OK' : 'unknown-instance');
      },
    );
  });
});

describe('a start', () => {
  const variables = (count: number) =>
    Array.from({ length: count }, (_, index) => EnvironmentVariable.fromPartial({ name: `V${index}` }));
  const ports = (count: number) =>
    Array.from({ length: count }, (_, index) => PortSpec.fromPartial({ port: (index % 65_535) + 1 }));

  test.each<readonly [string, StartChange]>([
    ['service_prefix', { servicePrefix: HUGE }],
    ['owner', { metadata: { owner: HUGE } }],
    ['meta_id', { metadata: { metaId: HUGE } }],
    ['annotation', { metadata: { annotations: { [HUGE]: HUGE } } }],
    [
      'annotations',
      { metadata: { annotations: Object.fromEntries(variables(MANY).map(({ name }) => [name, name])) } },
    ],
    ['team', { metadata: { team: HUGE } }],
    ['project', { metadata: { project: HUGE } }],
    ['workspace_image', { spec: { workspaceImage: HUGE } }],
    ['workspace_location', { spec: { workspaceLocation: HUGE } }],
    ['class', { spec: { class: HUGE, ideImageLayers: [HUGE] } }],
    ['ide_image', { spec: { ideImage: IDEImage.fromPartial({ webRef: HUGE }) } }],
    ['ide_image_layers', { spec: { ideImageLayers: Array.from({ length: MANY }, () => 'layer') } }],
    ['git username', { spec: { git: { username: HUGE, email: '' } } }],
    ['git email', { spec: { git: { username: '', email: HUGE } } }],
    ['timeout', { spec: { timeout: `${'9'.repeat(1_000_000)}h` } }],
    ['closed_timeout', { spec: { closedTimeout: HUGE } }],
    ['maximum_lifetime', { spec: { maximumLifetime: '9999999999h' } }],
    ['ssh_public_keys', { spec: { sshPublicKeys: [HUGE] } }],
    ['ssh_public_keys, many', { spec: { sshPublicKeys: Array.from({ length: MANY }, () => 'k') } }],
    [
      'envvars, a value',
      { spec: { envvars: [EnvironmentVariable.fromPartial({ name: 'A', value: HUGE })] } },
    ],
    ['envvars, many', { spec: { envvars: variables(MANY) } }],
    ['sys_envvars, many', { spec: { sysEnvvars: variables(MANY) } }],
    ['ports, many', { spec: { ports: ports(60_000) } }],
    ['feature_flags, many', { spec: { featureFlags: Array.from({ length: 600_000 }, () => 10) } }],
  ])('with a huge %s is refused, and leaves nothing', async (_, change) => {
    expect(await outcome(() => start(change))).toBe('invalid-argument');
    expect((await rig.statuses()).map(({ id }) => id)).toEqual(['bystander']);
    expect(await rig.files.list('/state/manager/tokens')).toHaveLength(1);
  });

  test.each<readonly [string, StartChange]>([
    ['a type', JSON.parse('{"type": 2}')],
    ['an admission', JSON.parse('{"spec": {"admission": 9}}')],
    [
      'a visibility',
      JSON.parse('{"spec": {"ports": [{"port": 1, "visibility": 9, "url": "", "protocol": 0}]}}'),
    ],
    [
      'a protocol',
      JSON.parse('{"spec": {"ports": [{"port": 1, "visibility": 0, "url": "", "protocol": 9}]}}'),
    ],
  ])('with %s nobody knows is refused', async (_, change) => {
    expect(await outcome(() => start(change))).toBe('invalid-argument');
  });

  test.each([
    '-1h',
    '1',
    '1 h',
    '1h 30m',
    'one hour',
    '1hh',
    '.h',
    'NaN',
    '0x10s',
    '1d',
    '--1h',
    '9223372037s',
  ])('with a duration Go would refuse, or that is negative (%s), is refused', async (duration) => {
    for (const field of ['timeout', 'closedTimeout', 'maximumLifetime'] as const) {
      expect(await outcome(() => start({ spec: { [field]: duration } }))).toBe('invalid-argument');
    }
  });

  test.each(['a\0b', 'a\nGIT_DIR=/'])('with a git identity that is none (%j) is refused', async (text) => {
    expect(await outcome(() => start({ spec: { git: { username: text, email: '' } } }))).toBe(
      'invalid-argument',
    );
    expect(await outcome(() => start({ spec: { git: { username: '', email: text } } }))).toBe(
      'invalid-argument',
    );
  });

  test('with feature flags nobody knows is one without them', async () => {
    await withBystander();
    expect(await outcome(() => start({ spec: JSON.parse('{"featureFlags": [10, 99]}') }))).toBe('OK');
  });

  test("with another owner's instance id or workspace is refused", async () => {
    expect(await outcome(() => start({ id: 'bystander' }))).toBe('already-exists');
    const metadata = { owner: 'somebody', metaId: 'bystander' };
    expect(await outcome(() => start({ id: 'mine', metadata }))).toBe('already-exists');
    expect(await outcome(() => start({ id: 'bystander', metadata }))).toBe('already-exists');
  });
});

describe('a filter', () => {
  test.each([
    { owner: HUGE, metaId: '', annotations: {} },
    { owner: 'somebody', metaId: 'bystander', annotations: {} },
    { owner: '', metaId: '../bystander', annotations: {} },
    { owner: '', metaId: '', annotations: { [HUGE]: HUGE } },
    { owner: '', metaId: '', annotations: { a: '' } },
  ])('that fits nothing lets nothing through', async (mustMatch) => {
    expect((await rig.rpc.getWorkspaces({ mustMatch }, rig.call())).status).toEqual([]);
    const controller = new AbortController();
    const stream = rig.rpc.subscribe({ mustMatch }, rig.call(controller.signal))[Symbol.asyncIterator]();
    const next = stream.next();
    await rig.clock.settle();
    controller.abort();
    expect((await next).done).toBe(true);
  });

  test('that is empty lets everything through', async () => {
    await withBystander();
    const mustMatch = { owner: '', metaId: '', annotations: {} };
    expect((await rig.rpc.getWorkspaces({ mustMatch }, rig.call())).status).toHaveLength(1);
  });
});

describe('at once', () => {
  beforeEach(withBystander);

  test('two stops, the stricter of which counts, are both answered', async () => {
    rig.node.ignoresTerm = true;
    const stop = (policy: StopWorkspacePolicy) =>
      rig.rpc.stopWorkspace({ id: 'bystander', policy }, rig.call());
    const { NORMALLY, IMMEDIATELY } = StopWorkspacePolicy;
    await rig.within(Promise.all([stop(NORMALLY), stop(IMMEDIATELY), stop(NORMALLY)]), 10_000);
    const askedAt = rig.clock.now();
    await rig.until('bystander', ({ phase }) => phase === WorkspacePhase.STOPPED);
    expect(rig.clock.now() - askedAt).toBeLessThan(10_000);
  });

  test('a policy nobody knows is the ordinary one', async () => {
    const request = StopWorkspaceRequest.decode(
      Buffer.from([0x0a, 9, ...Buffer.from('bystander'), 0x10, 77]),
    );
    await rig.within(rig.rpc.stopWorkspace(request, rig.call()));
    const { conditions } = await rig.until('bystander', ({ phase }) => phase === WorkspacePhase.STOPPED);
    expect(conditions).toMatchObject({ stoppedByRequest: 1, aborted: 0, finalBackupComplete: 1 });
  });

  test('two starts of one workspace let one through', async () => {
    const starts = ['one', 'two'].map((id) => start({ id, metadata: { metaId: 'both' } }));
    const settled = await rig.within(Promise.allSettled(starts));
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('two starts of one id with different requests let one through', async () => {
    const starts = ['one', 'two'].map((image) => start({ id: 'id', spec: { workspaceImage: image } }));
    const settled = await rig.within(Promise.allSettled(starts));
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
