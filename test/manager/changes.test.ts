import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/errors/catalog.js';
import {
  AdmissionLevel,
  PortProtocol,
  PortSpec,
  PortVisibility,
  StopWorkspacePolicy,
  TimeoutType,
  WorkspacePhase,
} from '../../src/gen/ws-manager-api/core.js';
import { Rig, startRequest } from './rig.js';

const ID = 'instance-1';
const { WORKSPACE_TIMEOUT, CLOSED_TIMEOUT } = TimeoutType;
const { ADMIT_EVERYONE, ADMIT_OWNER_ONLY } = AdmissionLevel;

async function running(change: Parameters<typeof startRequest>[0] = {}): Promise<Rig> {
  const rig = new Rig();
  await rig.start();
  await rig.within(rig.rpc.startWorkspace(startRequest(change), rig.call()));
  await rig.until(ID, ({ phase }) => phase === WorkspacePhase.RUNNING);
  return rig;
}

async function stopped(): Promise<Rig> {
  const rig = await running();
  await rig.within(rig.rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.NORMALLY }, rig.call()));
  await rig.until(ID, ({ phase }) => phase === WorkspacePhase.STOPPED);
  return rig;
}

function setTimeoutOf(rig: Rig, duration: string, type: TimeoutType = WORKSPACE_TIMEOUT) {
  return rig.within(rig.rpc.setTimeout({ id: ID, duration, type }, rig.call()));
}

function port(rig: Rig, expose: boolean, spec: Partial<PortSpec> | undefined) {
  const whole = spec === undefined ? undefined : PortSpec.fromPartial(spec);
  return rig.within(rig.rpc.controlPort({ id: ID, expose, spec: whole }, rig.call()));
}

function markActive(rig: Rig, how: { closed?: boolean; ignoreIfActive?: boolean } = {}) {
  const request = { id: ID, closed: false, ignoreIfActive: false, ...how };
  return rig.within(rig.rpc.markActive(request, rig.call()));
}

async function lastActivity(rig: Rig): Promise<string> {
  return (await rig.rpc.describeWorkspace({ id: ID }, rig.call())).lastActivity;
}

async function portsOf(rig: Rig): Promise<number[]> {
  return (await rig.status(ID)).spec?.exposedPorts.map((one) => one.port) ?? [];
}

/** The statuses that a subscriber is told, from the second on: the first is what is there. */
async function follow(rig: Rig) {
  const controller = new AbortController();
  const stream = rig.rpc.subscribe({ mustMatch: undefined }, rig.call(controller.signal));
  const statuses = stream[Symbol.asyncIterator]();
  await statuses.next();
  return {
    next: async () => {
      const { value } = await statuses.next();
      return value?.status;
    },
    end: () => controller.abort(),
  };
}

describe('a timeout', () => {
  test('is changed alone, and the other is left as it was', async () => {
    const rig = await running({ spec: { closedTimeout: '5m' } });
    await setTimeoutOf(rig, '90m');
    expect((await rig.status(ID)).spec).toMatchObject({ timeout: '1h30m0s', closedTimeout: '5m0s' });
    await setTimeoutOf(rig, '0', CLOSED_TIMEOUT);
    expect((await rig.status(ID)).spec).toMatchObject({ timeout: '1h30m0s', closedTimeout: '0s' });
  });

  test('of a kind nobody knows changes nothing', async () => {
    const rig = await running();
    const before = await rig.status(ID);
    await rig.within(rig.rpc.setTimeout({ id: ID, duration: '1h', ...JSON.parse('{"type":9}') }, rig.call()));
    expect(await rig.status(ID)).toEqual(before);
  });

  test.each(['', '1', '30 minutes', '-5m', 'h', '1h-5m', '1e3s', '∞', '2562048h', `${'9'.repeat(5_000)}h`])(
    'of %.20j is refused by the name of the field',
    async (duration) => {
      const rig = await running();
      const answer = setTimeoutOf(rig, duration);
      await expect(answer).rejects.toMatchObject({ code: 'invalid-argument' satisfies ErrorCode });
      await expect(answer).rejects.toThrow('duration');
    },
  );

  test.each([
    ['1.5h', '1h30m0s'],
    ['+30m', '30m0s'],
    ['250ms', '250ms'],
    ['2562047h', '2562047h0m0s'],
  ])('of %s is one, and shown as %s', async (duration, shown) => {
    const rig = await running();
    await setTimeoutOf(rig, duration, CLOSED_TIMEOUT);
    expect((await rig.status(ID)).spec?.closedTimeout).toBe(shown);
  });
});

describe('ports', () => {
  test('are those of the start, until they are changed', async () => {
    const ports = [PortSpec.fromPartial({ port: 8080, visibility: PortVisibility.PORT_VISIBILITY_PUBLIC })];
    const rig = await running({ spec: { ports } });
    expect((await rig.status(ID)).spec?.exposedPorts).toEqual([
      {
        port: 8080,
        visibility: PortVisibility.PORT_VISIBILITY_PUBLIC,
        protocol: PortProtocol.PORT_PROTOCOL_HTTP,
        url: 'http://instance-1.test:8080',
      },
    ]);
  });

  test('are exposed, changed by exposing them again, which moves them to the end, and removed', async () => {
    const rig = await running();
    await port(rig, true, { port: 1 });
    await port(rig, true, { port: 65_535 });
    await port(rig, true, { port: 1, protocol: PortProtocol.PORT_PROTOCOL_HTTPS });
    expect(await portsOf(rig)).toEqual([65_535, 1]);
    expect((await rig.status(ID)).spec?.exposedPorts.at(-1)?.protocol).toBe(PortProtocol.PORT_PROTOCOL_HTTPS);
    await port(rig, false, { port: 65_535 });
    await port(rig, false, { port: 65_535 });
    expect(await portsOf(rig)).toEqual([1]);
  });

  test.each<readonly [string, Partial<PortSpec> | undefined, string]>([
    ['no spec', undefined, 'spec'],
    ['port 0', { port: 0 }, 'spec.port'],
    ['port 65536', { port: 65_536 }, 'spec.port'],
    ['an unknown visibility', JSON.parse('{"port":1,"visibility":7}'), 'spec.visibility'],
    ['an unknown protocol', JSON.parse('{"port":1,"protocol":7}'), 'spec.protocol'],
  ])('with %s are refused by the name of the field', async (_, spec, field) => {
    const rig = await running();
    const request = { id: ID, expose: true, spec: spec && { ...PortSpec.fromPartial({}), ...spec } };
    const answer = rig.within(rig.rpc.controlPort(request, rig.call()));
    await expect(answer).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(answer).rejects.toThrow(field);
    expect(await portsOf(rig)).toEqual([]);
  });

  test('are bounded', async () => {
    const rig = await running();
    for (let number = 1; number <= 100; number += 1) await port(rig, true, { port: number });
    await expect(port(rig, true, { port: 101 })).rejects.toThrow('100');
    await expect(port(rig, true, { port: 100 })).resolves.toEqual({});
  });
});

describe('admission', () => {
  test('is that of the start, and changed', async () => {
    const rig = await running({ spec: { admission: ADMIT_EVERYONE } });
    expect((await rig.status(ID)).auth?.admission).toBe(ADMIT_EVERYONE);
    await rig.within(rig.rpc.controlAdmission({ id: ID, level: ADMIT_OWNER_ONLY }, rig.call()));
    expect((await rig.status(ID)).auth?.admission).toBe(ADMIT_OWNER_ONLY);
  });

  test('of an unknown level is refused', async () => {
    const rig = await running();
    const request = { id: ID, ...JSON.parse('{"level":5}') };
    await expect(rig.rpc.controlAdmission(request, rig.call())).rejects.toThrow('level');
  });
});

describe('keys', () => {
  const keysOf = (rig: Rig) => rig.core.instances.find(ID)?.record?.settings.sshKeys;

  test('are replaced as a whole', async () => {
    const rig = await running({ spec: { sshPublicKeys: ['ssh-ed25519 AAAA first'] } });
    await rig.within(rig.rpc.updateSshKey({ id: ID, keys: ['ssh-ed25519 BBBB second'] }, rig.call()));
    expect(keysOf(rig)).toEqual(['ssh-ed25519 BBBB second']);
  });

  test.each<readonly [string, string[]]>([
    ['none at all', []],
    ['an empty one', ['']],
    ['two in one', ['ssh-ed25519 A\nssh-ed25519 B']],
    ['an endless one', ['k'.repeat(100_000)]],
    ['too many', Array.from({ length: 101 }, (_, index) => `ssh-ed25519 ${index}`)],
  ])('with %s are refused', async (_, keys) => {
    const rig = await running();
    const answer = rig.rpc.updateSshKey({ id: ID, keys }, rig.call());
    await expect(answer).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(answer).rejects.toThrow('keys');
    expect(keysOf(rig)).toEqual([]);
  });
});

describe('activity', () => {
  test('is told since when and when last', async () => {
    const rig = await running();
    expect(await lastActivity(rig)).toBe('');
    const firstAt = new Date(rig.clock.now());
    await markActive(rig);
    expect((await rig.status(ID)).conditions?.firstUserActivity).toEqual(firstAt);
    await rig.clock.advance(1_500);
    const lastAt = rig.clock.now();
    await markActive(rig, { closed: true });
    expect(Date.parse(await lastActivity(rig))).toBe(lastAt);
    expect((await rig.status(ID)).conditions?.firstUserActivity).toEqual(firstAt);
  });

  test('that counts only once changes nothing more', async () => {
    const rig = await running();
    await markActive(rig, { ignoreIfActive: true });
    const first = await lastActivity(rig);
    await rig.clock.advance(5_000);
    await markActive(rig, { ignoreIfActive: true });
    expect(await lastActivity(rig)).toBe(first);
  });

  test('is no news to a subscriber but for the first', async () => {
    const rig = await running();
    const before = (await rig.status(ID)).statusVersion;
    await markActive(rig);
    const after = (await rig.status(ID)).statusVersion;
    expect(after).toBeGreaterThan(before);
    await rig.clock.advance(1_000);
    await markActive(rig, { closed: true });
    expect((await rig.status(ID)).statusVersion).toBe(after);
  });
});

describe('every change', () => {
  test('is told to subscribers, with a newer version', async () => {
    const rig = await running();
    const reader = await follow(rig);
    let version = (await rig.status(ID)).statusVersion;
    const changes = [
      () => setTimeoutOf(rig, '7m'),
      () => setTimeoutOf(rig, '8m', CLOSED_TIMEOUT),
      () => port(rig, true, { port: 80 }),
      () => rig.within(rig.rpc.controlAdmission({ id: ID, level: ADMIT_EVERYONE }, rig.call())),
      () => markActive(rig),
    ];
    for (const change of changes) {
      const told = reader.next();
      await change();
      const status = await told;
      expect(status?.statusVersion).toBeGreaterThan(version);
      version = status?.statusVersion ?? version;
    }
    reader.end();
  });

  test('that asks for what is there already is no news', async () => {
    const rig = await running();
    await setTimeoutOf(rig, '7m');
    const { statusVersion } = await rig.status(ID);
    await setTimeoutOf(rig, '420s');
    expect((await rig.status(ID)).statusVersion).toBe(statusVersion);
  });

  test('is there after a crash right after it was answered', async () => {
    const rig = await running();
    await setTimeoutOf(rig, '7m');
    await port(rig, true, { port: 80 });
    await markActive(rig);
    const [status, activity] = [await rig.status(ID), await lastActivity(rig)];
    await rig.powerCut();
    await rig.start();
    const after = await rig.status(ID);
    expect(after.spec).toEqual(status.spec);
    expect(after.conditions?.firstUserActivity).toEqual(status.conditions?.firstUserActivity);
    expect(await lastActivity(rig)).toBe(activity);
  });

  test('of many at once is kept', async () => {
    const rig = await running();
    const numbers = Array.from({ length: 50 }, (_, index) => index + 1);
    const calls = numbers.map((number) =>
      rig.rpc.controlPort({ id: ID, expose: true, spec: PortSpec.fromPartial({ port: number }) }, rig.call()),
    );
    await rig.within(
      Promise.all([
        ...calls,
        rig.rpc.setTimeout({ id: ID, duration: '9m', type: WORKSPACE_TIMEOUT }, rig.call()),
      ]),
    );
    expect(await portsOf(rig)).toEqual(numbers);
    expect((await rig.status(ID)).spec?.timeout).toBe('9m0s');
  });

  test('is refused when the disk does not take it, and the instance lives on', async () => {
    const rig = await running();
    rig.files.faults = { at: (operation) => (operation === 'rename' ? { code: 'ENOSPC' } : undefined) };
    await expect(setTimeoutOf(rig, '9m')).rejects.toMatchObject({ code: 'disk-full' });
    rig.files.faults = { at: () => undefined };
    expect(await rig.status(ID)).toMatchObject({ phase: WorkspacePhase.RUNNING, spec: { timeout: '30m0s' } });
    await setTimeoutOf(rig, '9m');
    expect((await rig.status(ID)).spec?.timeout).toBe('9m0s');
  });

  test('is refused as well when the disk was full before the first version was reserved', async () => {
    const rig = await running();
    await rig.kill();
    await rig.start();
    rig.isDiskFull = true;
    await expect(setTimeoutOf(rig, '9m')).rejects.toMatchObject({ code: 'disk-full' });
  });

  test.each(['a stopped instance', 'nobody'])('of %s is refused', async (who) => {
    const rig = await stopped();
    const before = await rig.status(ID);
    const id = who === 'nobody' ? 'nobody' : ID;
    const calls = [
      rig.rpc.markActive({ id, closed: false, ignoreIfActive: false }, rig.call()),
      rig.rpc.setTimeout({ id, duration: '1h', type: WORKSPACE_TIMEOUT }, rig.call()),
      rig.rpc.controlPort({ id, expose: true, spec: PortSpec.fromPartial({ port: 1 }) }, rig.call()),
      rig.rpc.controlAdmission({ id, level: ADMIT_EVERYONE }, rig.call()),
      rig.rpc.updateSshKey({ id, keys: ['ssh-ed25519 A'] }, rig.call()),
    ];
    const code: ErrorCode = who === 'nobody' ? 'unknown-instance' : 'wrong-state';
    for (const call of calls) await expect(call).rejects.toMatchObject({ code });
    expect(await rig.status(ID)).toEqual(before);
  });
});
