import { describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  EnvironmentVariable,
  StopWorkspacePolicy,
  WorkspaceConditionBool,
  WorkspacePhase,
  WorkspaceType,
} from '../../src/gen/ws-manager-api/core.js';
import { instanceId, Rig, startRequest } from './rig.js';

const { TRUE, FALSE } = WorkspaceConditionBool;
const { NORMALLY, IMMEDIATELY, ABORT } = StopWorkspacePolicy;
const ID = 'instance-1';

async function running(rig: Rig, request = startRequest()): Promise<Rig> {
  await rig.start();
  await rig.within(rig.rpc.startWorkspace(request, rig.call()));
  await rig.until(request.id, ({ phase }) => phase === WorkspacePhase.RUNNING);
  return rig;
}

function stop(rig: Rig, policy: StopWorkspacePolicy, id = ID) {
  return rig.within(rig.rpc.stopWorkspace({ id, policy }, rig.call()));
}

function stopped(rig: Rig, limitMs?: number) {
  return rig.until(ID, ({ phase }) => phase === WorkspacePhase.STOPPED, limitMs);
}

/** Phases in the order a subscriber that reads at once is told of them. */
function follow(rig: Rig) {
  const phases: WorkspacePhase[] = [];
  const controller = new AbortController();
  const done = (async () => {
    for await (const { status } of rig.rpc.subscribe({ mustMatch: undefined }, rig.call(controller.signal))) {
      if (status !== undefined && phases.at(-1) !== status.phase) phases.push(status.phase);
    }
  })();
  return { phases, end: () => controller.abort(), done };
}

describe('a regular workspace', () => {
  test('goes from pending to stopped with its content saved', async () => {
    const rig = new Rig();
    await rig.start();
    const told = follow(rig);
    const answer = await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
    expect(answer.url).toBe('steward://instance-1');
    expect(answer.ownerToken).toMatch(/^[0-9A-Za-z_.-]{32}$/);
    await rig.until(ID, ({ phase }) => phase === WorkspacePhase.RUNNING);
    await stop(rig, NORMALLY);
    const status = await stopped(rig);
    expect(status.conditions).toMatchObject({
      failed: '',
      deployed: TRUE,
      stoppedByRequest: TRUE,
      finalBackupComplete: TRUE,
      aborted: FALSE,
      firstUserActivity: undefined,
    });
    expect(status.repo).toMatchObject({ branch: 'main', totalUncommitedFiles: 1n });
    await rig.clock.advance(100);
    expect(told.phases).toEqual([
      WorkspacePhase.PENDING,
      WorkspacePhase.CREATING,
      WorkspacePhase.INITIALIZING,
      WorkspacePhase.RUNNING,
      WorkspacePhase.STOPPING,
      WorkspacePhase.STOPPED,
    ]);
    expect(rig.node.wrongs).toEqual([]);
  });

  test.each([0, 3])('whose command ends by itself with %i has failed, and is saved', async (code) => {
    const rig = await running(new Rig());
    rig.node.end(instanceId(ID), code);
    const { conditions } = await stopped(rig);
    expect(conditions).toMatchObject({ stoppedByRequest: FALSE, finalBackupComplete: TRUE });
    expect(conditions?.failed).not.toBe('');
  });

  test('whose content cannot be set up has failed, and nothing is saved', async () => {
    const rig = new Rig();
    rig.node.initFailure = new StewardError('git-failed', 'no such branch');
    await rig.start();
    await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
    const { conditions } = await stopped(rig);
    expect(conditions?.failed).toContain('no such branch');
    expect(conditions).toMatchObject({ finalBackupComplete: FALSE, stoppedByRequest: FALSE });
    expect(rig.node.starts.size).toBe(0);
  });

  test('that is aborted is not saved', async () => {
    const rig = await running(new Rig());
    await stop(rig, ABORT);
    const { conditions } = await stopped(rig);
    expect(conditions).toMatchObject({ aborted: TRUE, stoppedByRequest: TRUE, finalBackupComplete: FALSE });
    expect([...rig.node.content.values()]).toEqual(['discarded']);
  });
});

describe('a headless workspace', () => {
  const request = startRequest({ type: WorkspaceType.PREBUILD });
  const SNAPSHOT = 'owner/workspaces/instance-1/snapshot@steward';

  test('tells where others find what it made, before its content goes, and once whatever crashes', async () => {
    const rig = await running(new Rig(), request);
    rig.node.backupMs = 60_000;
    rig.node.end(instanceId(ID), 0);
    await rig.until(ID, ({ conditions }) => conditions?.snapshot === SNAPSHOT);
    expect(rig.node.content.get(instanceId(ID))).toBe('available');
    await rig.kill();
    await rig.start();
    const { conditions } = await stopped(rig);
    expect(conditions).toMatchObject({ snapshot: SNAPSHOT, finalBackupComplete: TRUE });
    expect(rig.node.snapshots).toEqual([ID]);
  });

  test('of which no snapshot can be made is saved all the same', async () => {
    const rig = await running(new Rig(), request);
    rig.node.snapshotFailure = new StewardError('backup-failed', 'the storage is full');
    rig.node.end(instanceId(ID), 0);
    const { conditions } = await stopped(rig);
    expect(conditions).toMatchObject({ snapshot: '', finalBackupComplete: TRUE, failed: '' });
  });

  test.each([
    ['is aborted', async (rig: Rig) => stop(rig, ABORT)],
    ['is killed', async (rig: Rig) => rig.node.end(instanceId(ID), 137)],
  ])('that %s leaves nothing for others to start from', async (_, ending) => {
    const rig = await running(new Rig(), request);
    await ending(rig);
    expect((await stopped(rig)).conditions?.snapshot).toBe('');
    expect(rig.node.snapshots).toEqual([]);
  });

  test.each([
    [0, ''],
    [5, 'headless task failed: exit code 5'],
  ])('whose task ends with %i has not failed itself', async (code, headlessTaskFailed) => {
    const rig = await running(new Rig(), request);
    rig.node.end(instanceId(ID), code);
    const { conditions, spec } = await stopped(rig);
    expect(conditions).toMatchObject({ failed: '', headlessTaskFailed, finalBackupComplete: TRUE });
    expect(spec?.headless).toBe(true);
  });
});

describe('stopping', () => {
  test('while the content is being set up is not lost, and saves nothing', async () => {
    const rig = new Rig();
    rig.node.setUpMs = 1_000_000;
    await rig.start();
    await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
    await rig.until(ID, ({ phase }) => phase === WorkspacePhase.INITIALIZING);
    await stop(rig, NORMALLY);
    const { conditions } = await stopped(rig);
    expect(conditions).toMatchObject({ failed: '', stoppedByRequest: TRUE, finalBackupComplete: FALSE });
    expect(rig.node.starts.size).toBe(0);
  });

  test('right after the start is not lost', async () => {
    const rig = new Rig();
    await rig.start();
    const started = rig.rpc.startWorkspace(startRequest(), rig.call());
    const stopping = rig.rpc.stopWorkspace({ id: ID, policy: NORMALLY }, rig.call());
    await rig.within(Promise.all([started, stopping]));
    expect((await stopped(rig)).conditions).toMatchObject({ stoppedByRequest: TRUE });
    expect(rig.node.starts.size).toBe(0);
  });

  test('gives a command that ignores it its grace, and a later shorter grace counts', async () => {
    const rig = new Rig();
    rig.node.ignoresTerm = true;
    await running(rig);
    const begunAt = rig.clock.now();
    await stop(rig, NORMALLY);
    await rig.clock.advance(5_000);
    expect((await rig.status(ID)).phase).toBe(WorkspacePhase.STOPPING);
    await stop(rig, IMMEDIATELY);
    await stopped(rig, 10_000);
    expect(rig.clock.now() - begunAt).toBeLessThan(10_000);
  });

  test('asked for while its record cannot be written is answered when it can', async () => {
    const rig = await running(new Rig());
    rig.node.ignoresTerm = true;
    rig.isDiskFull = true;
    const answer = rig.rpc.stopWorkspace({ id: ID, policy: NORMALLY }, rig.call());
    const answered = expect(answer).resolves.toEqual({});
    await rig.clock.advance(2_000);
    rig.isDiskFull = false;
    await rig.clock.advance(10_000);
    await answered;
    expect((await rig.status(ID)).phase).toBe(WorkspacePhase.STOPPING);
  });

  test('survives a crash right after it was answered', async () => {
    const rig = await running(new Rig());
    await stop(rig, NORMALLY);
    await rig.kill();
    await rig.start();
    expect((await rig.status(ID)).conditions?.stoppedByRequest).toBe(TRUE);
    await expect(stopped(rig)).resolves.toMatchObject({ conditions: { finalBackupComplete: TRUE } });
  });

  test('what nobody knows succeeds', async () => {
    const rig = new Rig();
    await rig.start();
    await expect(stop(rig, NORMALLY, 'unknown')).resolves.toEqual({});
  });

  test('what has stopped succeeds, and changes nothing', async () => {
    const rig = await running(new Rig());
    await stop(rig, NORMALLY);
    const before = await stopped(rig);
    await stop(rig, ABORT);
    await rig.clock.advance(1_000);
    await expect(rig.status(ID)).resolves.toEqual(before);
  });
});

describe('a final backup that fails', () => {
  async function stuck(): Promise<Rig> {
    const rig = await running(new Rig());
    rig.node.backupFailure = new StewardError('backup-failed', 'the storage is full');
    await stop(rig, NORMALLY);
    await rig.until(ID, ({ message }) => message.includes('the storage is full'));
    return rig;
  }

  test('is told, never called complete, and tried again until it works', async () => {
    const rig = await stuck();
    const status = await rig.status(ID);
    expect(status.phase).toBe(WorkspacePhase.STOPPING);
    expect(status.conditions?.finalBackupComplete).toBe(FALSE);
    await rig.clock.advance(60 * 60_000);
    expect((await rig.status(ID)).phase).toBe(WorkspacePhase.STOPPING);
    rig.node.backupFailure = undefined;
    const end = await stopped(rig);
    expect(end.conditions?.finalBackupComplete).toBe(TRUE);
    expect(end.message).toBe('');
  });

  test('goes on being tried after a crash', async () => {
    const rig = await stuck();
    await rig.kill();
    await rig.start();
    expect((await rig.status(ID)).message).toContain('the storage is full');
    rig.node.backupFailure = undefined;
    await expect(stopped(rig)).resolves.toMatchObject({ conditions: { finalBackupComplete: TRUE } });
  });

  test('is given up by an abort only', async () => {
    const rig = await stuck();
    await stop(rig, ABORT);
    await expect(stopped(rig)).resolves.toMatchObject({
      conditions: { finalBackupComplete: FALSE, aborted: TRUE },
    });
  });

  test('content that is gone is not called saved', async () => {
    const rig = await running(new Rig());
    rig.node.content.clear();
    await stop(rig, NORMALLY);
    const { conditions } = await stopped(rig);
    expect(conditions?.finalBackupComplete).toBe(FALSE);
    expect(conditions?.failed).toContain('gone');
  });
});

describe('a daemon that cannot be reached', () => {
  test('delays a start, and does not fail it', async () => {
    const rig = new Rig();
    rig.node.fault = () => Promise.reject(new StewardError('unavailable', 'restarting'));
    await rig.start();
    await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
    await rig.clock.advance(60_000);
    expect((await rig.status(ID)).phase).toBe(WorkspacePhase.CREATING);
    rig.node.fault = async () => undefined;
    await rig.until(ID, ({ phase }) => phase === WorkspacePhase.RUNNING);
    expect(rig.node.initialized).toEqual([ID]);
  });

  test('for too long fails the start, without anything left', async () => {
    const rig = new Rig(1, { limits: { prepare: '5s' } });
    rig.node.fault = () => Promise.reject(new StewardError('unavailable', 'gone'));
    await rig.start();
    await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
    const { conditions } = await stopped(rig, 60 * 60_000);
    expect(conditions?.failed).toContain('cannot be reached');
  });

  test('while a manager comes back ends nothing', async () => {
    const rig = await running(new Rig());
    await rig.kill();
    rig.node.fault = () => Promise.reject(new StewardError('unavailable', 'restarting'));
    await rig.start();
    await rig.clock.advance(120_000);
    expect((await rig.status(ID)).phase).toBe(WorkspacePhase.RUNNING);
    expect(rig.node.starts.get(instanceId(ID))).toBe(1);
  });
});

describe('after a crash', () => {
  test.each([0, 10, 30, 55, 70, 100])(
    '%i ms after the start, the workspace runs once',
    async (milliseconds) => {
      const rig = new Rig();
      await rig.start();
      const answer = await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
      await rig.clock.advance(milliseconds);
      await rig.kill();
      await rig.start();
      await rig.until(ID, ({ phase }) => phase === WorkspacePhase.RUNNING);
      expect(rig.node.initialized).toEqual([ID]);
      expect(rig.node.starts.get(instanceId(ID))).toBe(1);
      expect((await rig.status(ID)).auth?.ownerToken).toBe(answer.ownerToken);
    },
  );

  test('versions go on growing', async () => {
    const rig = await running(new Rig());
    const before = (await rig.status(ID)).statusVersion;
    await rig.kill();
    await rig.start();
    expect((await rig.status(ID)).statusVersion).toBe(before);
    await stop(rig, NORMALLY);
    expect((await rig.status(ID)).statusVersion).toBeGreaterThan(before);
  });

  test('a command that is gone with the machine has failed, and its content is saved', async () => {
    const rig = await running(new Rig());
    await rig.powerCut();
    await rig.start();
    const { conditions } = await stopped(rig);
    expect(conditions?.failed).toContain('power cut');
    expect(conditions?.finalBackupComplete).toBe(TRUE);
  });

  test('secrets that did not survive fail the start as credentials-lost', async () => {
    const rig = new Rig();
    rig.node.setUpMs = 1_000_000;
    const envvars = [EnvironmentVariable.fromPartial({ name: 'TOKEN', value: 'hunter2' })];
    await rig.start();
    await rig.within(rig.rpc.startWorkspace(startRequest({ spec: { envvars } }), rig.call()));
    await rig.until(ID, ({ phase }) => phase === WorkspacePhase.INITIALIZING);
    await rig.kill();
    await rig.files.remove('/memory');
    await rig.start();
    await expect(stopped(rig)).resolves.toMatchObject({
      conditions: { failed: expect.stringContaining('credentials-lost') },
    });
  });
});

describe('secrets', () => {
  test('reach the command, stay out of what is kept, and are dropped once it runs', async () => {
    const envvars = [EnvironmentVariable.fromPartial({ name: 'TOKEN', value: 'hunter2' })];
    const rig = await running(new Rig(), startRequest({ spec: { envvars } }));
    expect(rig.node.environments.get(instanceId(ID))).toMatchObject({
      TOKEN: 'hunter2',
      GITPOD_WORKSPACE_ID: 'workspace-1',
      GITPOD_INSTANCE_ID: ID,
    });
    await rig.clock.advance(100);
    expect(await rig.files.list('/memory/manager')).toEqual([]);
    for (const { name } of await rig.files.list('/state/manager/records')) {
      const text = (await rig.files.read(`/state/manager/records/${name}`, 1_000_000)).toString();
      expect(text).not.toContain('hunter2');
      expect(Buffer.from(text, 'base64').toString()).not.toContain('hunter2');
      expect(text).not.toContain((await rig.status(ID)).auth?.ownerToken);
    }
  });
});

describe('a disk that does not take the record', () => {
  test('refuses the start, and nothing is left of it', async () => {
    const rig = new Rig();
    await rig.start();
    rig.files.faults = { at: (operation) => (operation === 'rename' ? { code: 'ENOSPC' } : undefined) };
    await expect(rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()))).rejects.toMatchObject({
      code: 'disk-full',
    });
    expect(await rig.statuses()).toEqual([]);
  });

  test('for an hour delays what happens meanwhile, and loses none of it', async () => {
    const rig = await running(new Rig());
    rig.isDiskFull = true;
    rig.node.end(instanceId(ID), 3);
    await rig.clock.advance(60 * 60_000);
    expect((await rig.status(ID)).phase).toBe(WorkspacePhase.RUNNING);
    rig.isDiskFull = false;
    const { conditions } = await stopped(rig, 10 * 60_000);
    expect(conditions?.failed).toContain('exit code 3');
    expect(conditions?.finalBackupComplete).toBe(TRUE);
  });
});
