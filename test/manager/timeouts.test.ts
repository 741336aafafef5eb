import { describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  StopWorkspacePolicy,
  TimeoutType,
  WorkspaceConditionBool,
  WorkspacePhase,
  type WorkspaceStatus,
  WorkspaceType,
} from '../../src/gen/ws-manager-api/core.js';
import type { ManagerConfigInput } from '../../src/manager/config.js';
import { Rig, type StartChange, startRequest } from './rig.js';

const ID = 'instance-1';
const { RUNNING, STOPPING, STOPPED } = WorkspacePhase;
const { TRUE, FALSE } = WorkspaceConditionBool;
const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];
/** Records are written and content is set up on the way. */
const SLACK = 2 * SECOND;

async function running(change: StartChange = {}, config: Partial<ManagerConfigInput> = {}): Promise<Rig> {
  const rig = await starting(change, config);
  await rig.until(ID, ({ phase }) => phase === RUNNING);
  return rig;
}

async function starting(change: StartChange = {}, config: Partial<ManagerConfigInput> = {}): Promise<Rig> {
  const rig = new Rig(1, config);
  await rig.start();
  await rig.within(rig.rpc.startWorkspace(startRequest(change), rig.call()));
  return rig;
}

function active(rig: Rig, closed = false) {
  return rig.within(rig.rpc.markActive({ id: ID, closed, ignoreIfActive: false }, rig.call()));
}

/** Runs on until shortly before `milliseconds` are over: nothing has happened. Then a little longer: it ends. */
async function endsAfter(rig: Rig, milliseconds: number, label: string): Promise<WorkspaceStatus> {
  await rig.clock.advance(milliseconds - SLACK);
  const before = await rig.status(ID);
  expect(before.conditions?.timeout).toBe('');
  expect(before.phase).not.toBeOneOf([STOPPING, STOPPED]);
  await rig.clock.advance(2 * SLACK);
  const after = await rig.until(ID, ({ phase }) => phase === STOPPED);
  expect(after.conditions?.timeout).toContain(label);
  return after;
}

describe('an instance that is left alone', () => {
  test('and was never used ends after the time it has to start', async () => {
    const { conditions } = await endsAfter(await running(), HOUR, 'period of inactivity');
    expect(conditions).toMatchObject({ failed: '', stoppedByRequest: FALSE, finalBackupComplete: TRUE });
  });

  test('ends half an hour after it was used last, and not before', async () => {
    const rig = await running();
    for (let round = 0; round < 4; round += 1) {
      await active(rig);
      await rig.clock.advance(29 * MINUTE);
    }
    await endsAfter(rig, MINUTE, 'period of inactivity took 00h30m');
  });

  test('ends after its own timeout, also one that was set while it ran', async () => {
    const rig = await running({ spec: { timeout: '10m' } });
    await active(rig);
    await rig.clock.advance(9 * MINUTE);
    const request = { id: ID, duration: '20m', type: TimeoutType.WORKSPACE_TIMEOUT };
    await rig.within(rig.rpc.setTimeout(request, rig.call()));
    await endsAfter(rig, 11 * MINUTE, 'allowed are 00h20m');
  });

  test('ends at once when its timeout is set to less than it has been idle', async () => {
    const rig = await running();
    await active(rig);
    await rig.clock.advance(9 * MINUTE);
    const request = { id: ID, duration: '5m', type: TimeoutType.WORKSPACE_TIMEOUT };
    await rig.within(rig.rpc.setTimeout(request, rig.call()));
    await rig.until(ID, ({ conditions }) => conditions?.timeout !== '', SECOND);
  });

  test('and was closed ends two minutes after that, unless it is used again', async () => {
    const rig = await running();
    await active(rig, true);
    await rig.clock.advance(MINUTE);
    await active(rig);
    await rig.clock.advance(5 * MINUTE);
    expect((await rig.status(ID)).phase).toBe(RUNNING);
    await active(rig, true);
    await endsAfter(rig, 2 * MINUTE, 'after being closed');
  });

  test('and does not mind being closed ends by its inactivity', async () => {
    const rig = await running({ spec: { closedTimeout: '0s' } });
    await active(rig, true);
    await endsAfter(rig, 30 * MINUTE, 'period of inactivity');
  });
});

describe('however much it is used', () => {
  test('an instance ends with its maximum lifetime', async () => {
    const rig = await running({ spec: { maximumLifetime: '1h' } });
    for (let round = 0; round < 5; round += 1) {
      await active(rig);
      await rig.clock.advance(10 * MINUTE);
    }
    await active(rig);
    await endsAfter(rig, 10 * MINUTE, 'maximum lifetime');
  });

  test('a headless one ends after an hour', async () => {
    const rig = await running({ type: WorkspaceType.PREBUILD });
    const { conditions } = await endsAfter(rig, HOUR, 'running the headless workspace');
    expect(conditions).toMatchObject({ failed: '', headlessTaskFailed: '', finalBackupComplete: TRUE });
  });
});

describe('an instance that does not come up', () => {
  test('because its content takes for ever ends after an hour', async () => {
    const rig = new Rig();
    rig.node.setUpMs = 100 * HOUR;
    await rig.start();
    await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
    const { conditions } = await endsAfter(rig, HOUR, 'startup took');
    expect(conditions).toMatchObject({ failed: '', finalBackupComplete: FALSE });
    expect(rig.node.starts.size).toBe(0);
  });

  test('because no daemon can be reached ends after an hour', async () => {
    const rig = new Rig();
    rig.node.fault = () => Promise.reject(new StewardError('unavailable', 'gone'));
    await rig.start();
    await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
    await endsAfter(rig, HOUR, 'creating containers took');
  });
});

test('a backup that takes too long is told, and goes on', async () => {
  const rig = await running({}, { timeouts: { contentFinalization: '10m' } });
  rig.node.backupMs = 30 * MINUTE;
  await rig.within(rig.rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.NORMALLY }, rig.call()));
  await rig.clock.advance(11 * MINUTE);
  expect(await rig.status(ID)).toMatchObject({
    phase: STOPPING,
    conditions: { timeout: expect.stringContaining('backup took 00h10m'), stoppedByRequest: TRUE },
  });
  rig.node.backupMs = SECOND;
  const { conditions } = await rig.until(ID, ({ phase }) => phase === STOPPED, 2 * HOUR);
  expect(conditions).toMatchObject({ finalBackupComplete: TRUE, failed: '' });
});

describe('a command that ignores being asked', () => {
  test('is killed after its grace when it timed out', async () => {
    const rig = await running({ spec: { timeout: '5m' } });
    rig.node.ignoresTerm = true;
    await active(rig);
    await rig.clock.advance(5 * MINUTE + 10 * SECOND);
    expect((await rig.status(ID)).phase).toBe(STOPPING);
    await rig.until(ID, ({ phase }) => phase === STOPPED, MINUTE);
  });
});

test('a stop of what timed out already is told as well', async () => {
  const rig = await running({ spec: { timeout: '5m' } });
  rig.node.ignoresTerm = true;
  await active(rig);
  await rig.clock.advance(5 * MINUTE + SECOND);
  await rig.within(
    rig.rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.NORMALLY }, rig.call()),
    10_000,
  );
  expect((await rig.status(ID)).conditions).toMatchObject({
    stoppedByRequest: TRUE,
    timeout: expect.stringContaining('inactivity'),
  });
});

describe('a manager that was away', () => {
  test('goes on counting from the activity it knew', async () => {
    const rig = await running();
    await active(rig);
    await rig.clock.advance(10 * MINUTE);
    await rig.kill();
    await rig.clock.advance(10 * MINUTE);
    await rig.start();
    await endsAfter(rig, 10 * MINUTE, 'period of inactivity');
  });

  test('gives users a heartbeat to say that they were there all the time', async () => {
    const rig = await running();
    await active(rig);
    await rig.kill();
    await rig.clock.advance(5 * HOUR);
    await rig.start();
    await rig.clock.advance(20 * SECOND);
    await active(rig);
    await rig.clock.advance(20 * MINUTE);
    expect((await rig.status(ID)).phase).toBe(RUNNING);
  });

  test('and hears of nobody ends what was idle too long', async () => {
    const rig = await running();
    await active(rig);
    await rig.kill();
    await rig.clock.advance(5 * HOUR);
    await rig.start();
    await endsAfter(rig, 30 * SECOND, 'period of inactivity');
  });

  test('ends at once what lived too long', async () => {
    const rig = await running();
    await rig.kill();
    await rig.clock.advance(40 * HOUR);
    await rig.start();
    await rig.until(
      ID,
      ({ conditions }) => conditions?.timeout.includes('maximum lifetime') === true,
      SECOND,
    );
  });

  test('still tells a timeout that a crash followed at once', async () => {
    const rig = await running();
    rig.node.backupMs = HOUR;
    await rig.clock.advance(HOUR);
    await rig.kill();
    await rig.start();
    expect((await rig.status(ID)).conditions?.timeout).toContain('period of inactivity');
  });
});

describe('a clock that was ahead', () => {
  test('keeps nobody alive who is active no more', async () => {
    const rig = await running();
    rig.clock.stepWall(HOUR);
    await active(rig);
    rig.clock.stepWall(-HOUR);
    await active(rig);
    await endsAfter(rig, 30 * MINUTE, 'period of inactivity');
  });

  test('delays the end of what is idle by no more than its limit', async () => {
    const rig = await running();
    rig.clock.stepWall(10 * HOUR);
    await active(rig);
    rig.clock.stepWall(-10 * HOUR);
    await rig.clock.advance(65 * MINUTE);
    expect((await rig.status(ID)).conditions?.timeout).toContain('period of inactivity');
  });
});

describe('maintenance', () => {
  function announce(rig: Rig, text: string) {
    return rig.files.write('/state/manager/maintenance.json', text);
  }

  function until(rig: Rig, milliseconds: number): string {
    return JSON.stringify({ enabledUntil: new Date(rig.clock.now() + milliseconds).toISOString() });
  }

  test('refuses starts, stops and snapshots in the words that callers look for', async () => {
    const rig = await running();
    await announce(rig, until(rig, HOUR));
    const answers = [
      rig.rpc.startWorkspace(startRequest({ id: 'other', metadata: { metaId: 'other' } }), rig.call()),
      rig.rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.ABORT }, rig.call()),
      rig.rpc.stopWorkspace({ id: 'nobody', policy: StopWorkspacePolicy.ABORT }, rig.call()),
      rig.rpc.takeSnapshot({ id: ID, returnImmediately: true }, rig.call()),
    ];
    for (const answer of answers) {
      await expect(answer).rejects.toMatchObject({
        code: 'under-maintenance',
        message: 'under maintenance',
        entry: { status: 9 },
      });
    }
    expect(await rig.statuses()).toHaveLength(1);
    await active(rig);
  });

  test('suspends timeouts until it is over, or taken back', async () => {
    const rig = await running();
    await announce(rig, until(rig, 5 * HOUR));
    await rig.clock.advance(3 * HOUR);
    expect((await rig.status(ID)).phase).toBe(RUNNING);
    await announce(rig, '{}');
    await rig.until(ID, ({ conditions }) => conditions?.timeout !== '', 2 * MINUTE);
  });

  test('ends by itself', async () => {
    const rig = await running();
    await announce(rig, until(rig, 2 * HOUR));
    await endsAfter(rig, 2 * HOUR, 'period of inactivity took 02h00m');
  });

  test('lets a finished headless workspace stay where it is', async () => {
    const rig = await running({ type: WorkspaceType.PREBUILD });
    await announce(rig, until(rig, 10 * MINUTE));
    rig.node.end(rig.core.instances.get(ID).parts.identity.instance, 0);
    await rig.clock.advance(9 * MINUTE);
    expect((await rig.status(ID)).phase).toBe(RUNNING);
    await rig.until(ID, ({ phase }) => phase === STOPPED, 2 * MINUTE);
  });

  test.each(['', 'nonsense', '[]', 'null', '{"enabledUntil": 5}', '{"enabledUntil": "tomorrow"}', '{}'])(
    'is not announced by %j',
    async (text) => {
      const rig = await running();
      await announce(rig, text);
      const stop = { id: ID, policy: StopWorkspacePolicy.NORMALLY };
      await expect(rig.within(rig.rpc.stopWorkspace(stop, rig.call()))).resolves.toEqual({});
    },
  );

  test('that was set through the manager is there after a crash', async () => {
    const rig = await running();
    await rig.core.maintenance.set(rig.clock.now() + HOUR);
    await rig.powerCut();
    await rig.start();
    const stop = { id: ID, policy: StopWorkspacePolicy.NORMALLY };
    await expect(rig.rpc.stopWorkspace(stop, rig.call())).rejects.toThrow('under maintenance');
    await rig.core.maintenance.set(undefined);
    await expect(rig.within(rig.rpc.stopWorkspace(stop, rig.call()))).resolves.toEqual({});
  });
});
