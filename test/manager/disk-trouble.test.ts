import { describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import type { FileFaults } from '../../src/gateways/simulated/file-faults.js';
import { StopWorkspacePolicy, WorkspacePhase } from '../../src/gen/ws-manager-api/core.js';
import { instanceId, Rig, startRequest } from './rig.js';

const ID = 'instance-1';
const { NORMALLY } = StopWorkspacePolicy;
const { RUNNING, STOPPED } = WorkspacePhase;
const MINUTE = 60_000;

/** The disk thinks for a while and then refuses what goes into these folders. */
function refusing(...folders: string[]): FileFaults {
  const isThere = (path: string) => folders.some((folder) => path.includes(`/${folder}/`));
  return {
    at: (operation, path) =>
      operation === 'rename' && path.endsWith('.tmp') && isThere(path)
        ? { code: 'ENOSPC', latencyMs: 100 }
        : undefined,
  };
}

const WELL: FileFaults = { at: () => undefined };

async function started(): Promise<Rig> {
  const rig = new Rig();
  await rig.start();
  return rig;
}

function start(rig: Rig) {
  return rig.rpc.startWorkspace(startRequest(), rig.call());
}

function stop(rig: Rig) {
  return rig.rpc.stopWorkspace({ id: ID, policy: NORMALLY }, rig.call());
}

async function running(): Promise<Rig> {
  const rig = await started();
  await rig.within(start(rig));
  await rig.until(ID, ({ phase }) => phase === RUNNING);
  return rig;
}

/** Neither now nor when the disk is well again for long. */
async function expectNothingLeft(rig: Rig): Promise<void> {
  rig.files.faults = WELL;
  await rig.clock.advance(20 * MINUTE);
  expect(await rig.statuses()).toEqual([]);
  for (const folder of ['records', 'tokens']) {
    const kept = await rig.files.list(`/state/manager/${folder}`);
    expect(kept.filter(({ name }) => name.endsWith('.record'))).toEqual([]);
  }
  expect(rig.core.supervisor.find(`instances/${ID}`)).toBeUndefined();
  await expect(rig.within(start(rig))).resolves.toMatchObject({ url: 'steward://instance-1' });
}

describe('a start that the disk refuses', () => {
  test('while a stop waits for it never happened, and neither did the stop', async () => {
    const rig = await started();
    rig.files.faults = refusing('records');
    const refused = expect(start(rig)).rejects.toMatchObject({ code: 'record-not-written' });
    await rig.clock.advance(10);
    const answered = expect(stop(rig)).resolves.toEqual({});
    await rig.clock.advance(1_000);
    await Promise.all([refused, answered]);
    await expectNothingLeft(rig);
  });

  test.each(['tokens', 'records'])('(%s) refuses everybody who asks for the same', async (folder) => {
    const rig = await started();
    rig.files.faults = refusing(folder);
    const answers = [start(rig)];
    for (let millisecond = 0; millisecond < 99; millisecond += 33) {
      await rig.clock.advance(33);
      answers.push(start(rig));
    }
    const settled = await rig.within(Promise.allSettled(answers), 5_000);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
    await expectNothingLeft(rig);
  });

  test('refuses one that comes while what it left is removed', async () => {
    const rig = await started();
    rig.ports.check = () => Promise.reject(new StewardError('overloaded', 'every host port is taken'));
    rig.files.faults = { at: (operation) => (operation === 'remove' ? { latencyMs: 100 } : undefined) };
    const first = expect(start(rig)).rejects.toMatchObject({ code: 'overloaded' });
    await rig.clock.advance(10);
    await expect(rig.within(start(rig), 5_000)).rejects.toMatchObject({ code: 'overloaded' });
    await rig.within(first);
    rig.ports.check = async () => undefined;
    await expectNothingLeft(rig);
  });
});

describe("an owner's token whose record is damaged", () => {
  async function damaged(rig: Rig): Promise<void> {
    await rig.kill();
    const [token] = await rig.files.list('/state/manager/tokens');
    await rig.files.write(`/state/manager/tokens/${token?.name}`, 'not what was written');
  }

  test('is replaced by one that lasts, and everybody is told', async () => {
    const rig = await running();
    const before = await rig.status(ID);
    await damaged(rig);
    await rig.start();
    const after = await rig.status(ID);
    expect(after.auth?.ownerToken).toMatch(/^[0-9A-Za-z_.-]{32}$/);
    expect(after.auth?.ownerToken).not.toBe(before.auth?.ownerToken);
    expect(after.statusVersion).toBeGreaterThan(before.statusVersion);
    const line = rig.logged.find((one) => one.includes('token of an instance was lost'));
    expect(line).toContain(ID);
    expect(line).not.toContain(after.auth?.ownerToken);
    await rig.kill();
    await rig.start();
    expect((await rig.status(ID)).auth?.ownerToken).toBe(after.auth?.ownerToken);
  });

  test('is none as long as the disk keeps no other one', async () => {
    const rig = await running();
    await damaged(rig);
    rig.files.faults = refusing('tokens', 'records');
    await rig.start();
    expect((await rig.status(ID)).auth?.ownerToken).toBe('');
    expect((await rig.status(ID)).phase).toBe(RUNNING);
    await rig.kill();
    rig.files.faults = WELL;
    await rig.start();
    expect((await rig.status(ID)).auth?.ownerToken).not.toBe('');
  });
});

describe('the history', () => {
  const story = async (rig: Rig) => {
    const kept = await rig.within(rig.core.transitions.publisher.history(instanceId(ID), 1_000));
    return kept.map(({ from, to }) => `${from} → ${to}`);
  };

  test('leaves out a step whose record was never written', async () => {
    const rig = await running();
    rig.isDiskFull = true;
    const answer = stop(rig);
    await rig.clock.advance(500);
    expect((await story(rig)).filter((line) => line.includes('recordingStop'))).toEqual([]);
    rig.isDiskFull = false;
    await rig.within(answer);
    await rig.until(ID, ({ phase }) => phase === STOPPED);
    const lines = await story(rig);
    expect(lines).toContain('running → failed');
    expect(lines.filter((line) => line.endsWith('→ stopping.recordingStop'))).toHaveLength(1);
    for (const [index, line] of lines.entries()) {
      const before = lines[index - 1]?.split(' → ')[1];
      expect(line.split(' → ')[0]).toBeOneOf(['none', before]);
    }
  });
});
