import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  EnvironmentVariable,
  PortSpec,
  StopWorkspacePolicy,
  TimeoutType,
  WorkspacePhase,
  WorkspaceType,
} from '../../src/gen/ws-manager-api/core.js';
import { instanceId, Rig, startRequest } from '../manager/rig.js';
import type { ExpectedInstance } from './support/manager-model.js';
import { Reader } from './support/manager-reader.js';

const MINUTE = 60_000;
const IDS = ['a', 'b', 'c'];

const id = fc.constantFrom(...IDS);
const kind = <Kind extends string>(name: Kind) => fc.constant(name);

/** What users do. */
const request = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: kind('start'), id, headless: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('stop'), id, policy: fc.constantFrom(0, 1, 2) }) },
  { weight: 3, arbitrary: fc.record({ kind: kind('active'), id, closed: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('timeout'),
      id,
      minutes: fc.constantFrom(0, 1, 10, 90),
      closed: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind('port'), id, port: fc.constantFrom(80, 8080), expose: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('admission'), id, everyone: fc.boolean() }) },
);

/** What happens to them; `whom` says which of manager, daemon and commands die at once, each alone or together. */
const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: kind('wait'), ms: fc.integer({ min: 1, max: 400 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: kind('wait'), ms: fc.constantFrom(MINUTE, 10 * MINUTE, 45 * MINUTE) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: kind('crash'),
      whom: fc.subarray(['manager', 'daemon', 'command'] as const, { minLength: 1 }),
      id,
      code: fc.constantFrom(0, 1, 137),
      awayMs: fc.constantFrom(0, 0, 500, 20 * MINUTE),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind('power-cut') }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('faults'), share: fc.constantFrom(0, 0.3, 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('losses'), share: fc.constantFrom(0, 0.3) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('disk'), full: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('maintenance'), minutes: fc.constantFrom(0, 1, 90) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('storage'), fails: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('stubborn'), ignoresTerm: fc.boolean() }) },
);
const step = fc.oneof({ weight: 3, arbitrary: request }, { weight: 4, arbitrary: happening });
type Request = typeof request extends fc.Arbitrary<infer S> ? S : never;
type Happening = typeof happening extends fc.Arbitrary<infer S> ? S : never;

async function doRequest(rig: Rig, reader: Reader, step: Request): Promise<void> {
  const { rpc } = rig;
  const known = (await rig.statuses()).some((status) => status.id === step.id);
  /** Calls, and has the reader expect what was answered well. */
  const changing = async (call: Promise<object>, change: (expected: ExpectedInstance) => void) => {
    try {
      await rig.within(call);
      reader.changed(step.id, change);
    } catch (thrown) {
      if (!(thrown instanceof StewardError)) throw thrown;
      const expected = rig.isDiskFull ? ['disk-full'] : [];
      expect(thrown.code).toBeOneOf([...expected, known ? 'wrong-state' : 'unknown-instance']);
    }
  };
  switch (step.kind) {
    case 'start': {
      const type = step.headless ? WorkspaceType.PREBUILD : WorkspaceType.REGULAR;
      const envvars = [EnvironmentVariable.fromPartial({ name: 'TOKEN', value: 'secret' })];
      const start = startRequest({
        id: step.id,
        type,
        metadata: { metaId: `w-${step.id}` },
        spec: { envvars },
      });
      const answer = await rig.within(rpc.startWorkspace(start, rig.call())).catch(onlyStewardErrors);
      if (answer !== undefined) reader.started(step.id, step.headless);
      return;
    }
    case 'stop': {
      const stop = { id: step.id, policy: step.policy as StopWorkspacePolicy };
      const answer = rig.within(rpc.stopWorkspace(stop, rig.call()));
      const mayFail = rig.isDiskFull || reader.isMaintained;
      const answered = await (mayFail ? answer.catch(onlyStewardErrors) : answer);
      const isAbort = step.policy === StopWorkspacePolicy.ABORT;
      if (known && answered !== undefined) reader.stopAnswered(step.id, isAbort);
      return;
    }
    case 'active': {
      const now = rig.clock.now();
      const mark = { id: step.id, closed: step.closed, ignoreIfActive: false };
      return changing(rpc.markActive(mark, rig.call()), (one) => one.active(now, step.closed));
    }
    case 'timeout': {
      const type = step.closed ? TimeoutType.CLOSED_TIMEOUT : TimeoutType.WORKSPACE_TIMEOUT;
      const set = rpc.setTimeout({ id: step.id, duration: `${step.minutes}m`, type }, rig.call());
      return changing(set, (one) => {
        one.limitsSetAt = rig.clock.now();
        if (step.closed)
          Object.assign(one, { closedTimeoutMs: step.minutes * MINUTE, ownsClosedTimeout: true });
        else one.timeoutMs = step.minutes * MINUTE;
      });
    }
    case 'port': {
      const spec = PortSpec.fromPartial({ port: step.port });
      const control = rpc.controlPort({ id: step.id, expose: step.expose, spec }, rig.call());
      return changing(control, (one) => {
        if (step.expose) one.expose(step.port);
        else one.ports = one.ports.filter((port) => port !== step.port);
      });
    }
    case 'admission': {
      const level = step.everyone ? 1 : 0;
      return changing(rpc.controlAdmission({ id: step.id, level }, rig.call()), (one) => {
        one.everyone = step.everyone;
      });
    }
  }
}

async function letHappen(rig: Rig, reader: Reader, step: Happening): Promise<void> {
  switch (step.kind) {
    case 'wait':
      return rig.clock.advance(step.ms);
    case 'crash': {
      const isManagerHit = step.whom.includes('manager');
      if (step.whom.includes('daemon')) rig.node.killDaemon();
      if (step.whom.includes('command')) rig.node.end(instanceId(step.id), step.code);
      if (isManagerHit) await rig.kill();
      await rig.clock.advance(step.awayMs);
      rig.node.startDaemon();
      if (!isManagerHit) return;
      await rig.start();
      return reader.managerIsUp();
    }
    case 'power-cut':
      await rig.powerCut();
      await rig.start();
      return reader.managerIsUp();
    case 'faults':
      rig.node.fault = async () => {
        if (rig.random.isHit(step.share)) throw new StewardError('unavailable', 'the daemon restarts');
      };
      return;
    case 'losses':
      rig.node.losesAnswer = () => rig.random.isHit(step.share);
      return;
    case 'maintenance': {
      if (rig.isDiskFull) return;
      const until = rig.clock.now() + step.minutes * MINUTE;
      await rig.within(rig.core.maintenance.set(until));
      return reader.maintainedUntil(until);
    }
    case 'disk':
      if (rig.isDiskFull && !step.full) reader.diskIsMended();
      rig.isDiskFull = step.full;
      return;
    case 'storage':
      rig.node.backupFailure = step.fails ? new StewardError('backup-failed', 'no storage') : undefined;
      return;
    case 'stubborn':
      rig.node.ignoresTerm = step.ignoresTerm;
      return;
  }
}

function onlyStewardErrors(thrown: unknown): void {
  if (!(thrown instanceof StewardError)) throw thrown;
}

function isHappening(step: Request | Happening): step is Happening {
  return !('id' in step) || step.kind === 'crash';
}

test.prop([fc.integer(), fc.array(step, { minLength: 1, maxLength: 30 })], { numRuns: 150 })(
  'whoever dies, statuses tell the truth, timeouts come in time, answered changes stay, and everything stops',
  async (seed, steps) => {
    const rig = new Rig(seed);
    await rig.start();
    const reader = new Reader(rig);
    for (const one of steps) {
      if (isHappening(one)) await letHappen(rig, reader, one);
      else await doRequest(rig, reader, one);
      await reader.look();
    }

    await letHappen(rig, reader, { kind: 'disk', full: false });
    await letHappen(rig, reader, { kind: 'maintenance', minutes: 0 });
    rig.node.fault = async () => undefined;
    rig.node.losesAnswer = () => false;
    rig.node.backupFailure = undefined;
    for (const { id: name } of await rig.statuses()) {
      await doRequest(rig, reader, { kind: 'stop', id: name, policy: 0 });
    }
    for (let round = 0; round < 100; round += 1) {
      await rig.clock.advance(10_000);
      await reader.look();
      if ((await rig.statuses()).every(({ phase }) => phase === WorkspacePhase.STOPPED)) break;
    }
    expect((await rig.statuses()).map(({ phase }) => phase)).toEqual(
      (await rig.statuses()).map(() => WorkspacePhase.STOPPED),
    );
    expect(rig.node.wrongs).toEqual([]);
    expect([...rig.node.starts.values()].filter((starts) => starts > 1)).toEqual([]);
    expect(await rig.files.list('/memory/manager')).toEqual([]);
    expect(await rig.files.list('/state/manager/set-aside')).toEqual([]);
  },
);
