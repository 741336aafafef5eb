import { lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileError } from '../../src/gateways/file-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';
import { GitAuthMethod, WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import type { RecordAlarm } from '../../src/records/alarm.js';
import {
  type CoreChanges,
  callContext,
  instanceId,
  type RealCore,
  realCore,
  stewardCallsOf,
} from '../support/core.js';
import { type BeforeOperation, gate, interceptFiles } from '../support/intercepted-files.js';
import { emptyWorkspace } from '../support/real-daemon.js';

const i1 = instanceId('i1');
let daemon: RealCore;

beforeEach(async () => {
  daemon = await realCore();
});
afterEach(async () => daemon.close());

describe('an instance that fails again and again', () => {
  it('is parked alone: others are undisturbed, its content stays, and Dispose tries it again', async () => {
    await init('i1', 'w1');
    await init('i2', 'w2');
    await writeFile(join(content('i1'), 'work.txt'), 'not to be lost');
    let isBroken = true;
    await restart({
      world: worldWith((operation, path) => {
        if (isBroken && operation === 'stat' && path.startsWith(content('i1')))
          throw fileError('EIO', 'lstat', path);
      }),
    });
    await expect.poll(() => daemon.core.instances.absences().get('i1')?.isParked).toBe(true);

    const parked = expect.objectContaining({ code: 'parked', message: expect.stringContaining('EIO') });
    await expect(backup('i1')).rejects.toEqual(parked);
    const { content: status } = await stewardCalls().getContent({ instanceId: 'i1' }, callContext());
    expect(status).toMatchObject({ step: 'parked', parked: { reason: expect.stringContaining('EIO') } });
    expect(await daemon.calls.isWorkspaceExists({ id: 'i1' }, callContext())).toEqual({ exists: true });
    await expect(init('i3', 'w1')).rejects.toMatchObject({ code: 'workspace-busy' });
    expect(await backup('i2')).toMatchObject({ url: expect.stringContaining('o1/workspaces/w2/') });

    isBroken = false;
    await dispose('i1');
    await init('i3', 'w1');
    expect(await readFile(join(content('i3'), 'work.txt'), 'utf8')).toBe('not to be lost');
  });
});

describe('what the workspace puts in the place of the marker folder', () => {
  it.each([
    ['a file', (path: string) => writeFile(path, 'mine')],
    ['a link to elsewhere', (path: string) => symlink(join(daemon.folder, 'elsewhere'), path)],
    ['a link in a circle', (path: string) => symlink('.gitpod', path)],
    ['a link to nothing', (path: string) => symlink('/nowhere/at/all', path)],
  ])('%s neither parks it nor is followed', async (_what, put) => {
    const elsewhere = join(daemon.folder, 'elsewhere');
    await mkdir(elsewhere);
    await init('i1', 'w1');
    await rm(join(content('i1'), '.gitpod'), { recursive: true });
    await put(join(content('i1'), '.gitpod'));
    await restart();
    expect(stepOf('i1')).toBe('available.idle');
    expect(await readdir(elsewhere)).toEqual([]);
    await dispose('i1');
    expect(await readdir(elsewhere)).toEqual([]);
  });
});

describe('a call that comes before its instance takes it', () => {
  it('backs content up once it is announced, instead of waiting for ever', async () => {
    const announcing = gate();
    await restart({
      world: worldWith(async (operation, path) => {
        if (operation === 'write' && path.endsWith('/ready')) await announcing.passed;
      }),
    });
    const ready = init('i1', 'w1');
    await expect.poll(() => stepOf('i1'), { interval: 5 }).toBe('settingUp.announcing');
    const calls = [backup('i1'), snapshot('i1')];
    announcing.open();
    await ready;
    for (const { url } of await Promise.all(calls)) expect(url).toMatch(/^o1\/workspaces\/w1\//);
  });

  it('disposes of an instance that comes back from being parked, instead of waiting for ever', async () => {
    await init('i1', 'w1');
    let isBroken = true;
    const surveying = gate();
    await restart({
      world: worldWith(async (operation, path) => {
        if (operation !== 'stat' || !path.startsWith(content('i1'))) return;
        if (isBroken) throw fileError('EIO', 'lstat', path);
        await surveying.passed;
      }),
    });
    await expect.poll(() => daemon.core.instances.absences().get('i1')?.isParked).toBe(true);
    isBroken = false;
    const disposed = dispose('i1');
    await expect.poll(() => stepOf('i1'), { interval: 5 }).toBe('recovering');
    surveying.open();
    await disposed;
  });

  it('joins the same Init that came at the same time, and refuses another', async () => {
    const beginning = gate();
    await restart({
      world: worldWith(async (operation, path) => {
        if (operation === 'remove' && path === daemon.area.secretsOf(i1)) await beginning.passed;
      }),
    });
    const first = init('i1', 'w1');
    const same = init('i1', 'w1');
    const waiting = daemon.calls.waitForInit({ id: 'i1' }, callContext());
    const other = { ...emptyWorkspace('i1', 'w1'), storageQuotaBytes: 1n };
    const refused = expect(daemon.calls.initWorkspace(other, callContext())).rejects.toMatchObject({
      code: 'already-exists',
    });
    expect((await stewardCalls().listContent(everything, callContext())).contents).toEqual([]);
    beginning.open();
    await Promise.all([first, same, waiting, refused]);
  });

  it('is refused as soon as the daemon stops, and what is there stays', async () => {
    await init('i1', 'w1');
    daemon.core.instances.drain();
    for (const call of [backup('i1'), snapshot('i1'), dispose('i1'), init('i2', 'w2')]) {
      await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(stepOf('i1')).toBe('available.idle');
  });
});

describe('records and content that do not belong together', () => {
  it('keeps content whose record could not be read from a new Init of the same id', async () => {
    await init('i1', 'w1');
    await writeFile(join(content('i1'), 'work.txt'), 'not to be lost');
    await daemon.stop();
    const record = join(daemon.area.records, 'i1.record');
    await writeFile(record, (await readFile(record, 'utf8')).replace('"w1"', '"w2"'));
    const alarms: RecordAlarm[] = [];
    daemon = await realCore({
      folder: daemon.folder,
      listener: {
        alarm: (alarm) => {
          alarms.push(alarm);
        },
      },
    });
    expect(alarms).toMatchObject([{ kind: 'record-set-aside', key: 'i1' }]);
    await expect(init('i1', 'w1')).rejects.toMatchObject({ code: 'record-unreadable' });
    expect(await readFile(join(content('i1'), 'work.txt'), 'utf8')).toBe('not to be lost');
    await init('i2', 'w1');
  });

  it('forgets a set-up whose first record comes too late, and its secrets', async () => {
    const writing = gate();
    await restart({
      limits: { record: '50ms' },
      world: worldWith(async (operation, path) => {
        if (operation === 'rename' && path.endsWith('i1.tmp')) await writing.passed;
      }),
    });
    const refused = daemon.calls.initWorkspace(withSecret('hunter2'), callContext());
    await expect(refused).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await expect.poll(() => daemon.core.instances.owns(i1)).toBe(false);
    expect(await readdir(daemon.area.secrets)).toEqual([]);
    writing.open();
    await expect.poll(() => readdir(daemon.area.records)).toEqual([]);
  });

  it('takes a set-up back before it answers who asks for the same id again', async () => {
    const dropping = gate();
    let isFull = true;
    let hasFailed = false;
    await restart({
      world: worldWith(async (operation, path) => {
        if (hasFailed && operation === 'remove' && path.startsWith(daemon.area.secrets))
          await dropping.passed;
        if (!isFull || operation !== 'write' || !path.startsWith(daemon.area.records)) return;
        hasFailed = true;
        throw fileError('ENOSPC', operation, path);
      }),
    });
    await expect(init('i1', 'w1')).rejects.toMatchObject({ code: 'disk-full' });
    isFull = false;
    const again = init('i1', 'w1');
    dropping.open();
    await again;
    expect(await stepOf('i1')).toBe('available.idle');
  });

  it('begins nothing in a workspace while the record of a set-up that was refused may come back', async () => {
    let isBroken = false;
    await restart({
      world: worldWith((operation, path) => {
        const isRecords = path.startsWith(daemon.area.records);
        // A first record gets its name, and nobody can tell whether that is on disk; nor can it be removed.
        if (isBroken && isRecords && (operation === 'syncDirectory' || operation === 'remove'))
          throw fileError('EIO', operation, path);
      }),
    });
    isBroken = true;
    for (const id of ['i1', 'i2']) {
      await expect(init(id, 'w1')).rejects.toMatchObject({ code: 'record-not-written' });
      await expect.poll(() => daemon.core.instances.owns(instanceId(id))).toBe(false);
    }
    expect(await recorded()).toEqual(['i1.record']);
    isBroken = false;
    await init('i3', 'w1');
    expect(await recorded()).toEqual(['i3.record']);
    await restart();
    expect([...daemon.core.instances.identities()].map(({ instance }) => instance)).toEqual(['i3']);
  });

  it('takes damaged credentials for lost ones, and says nothing of what is left of them', async () => {
    daemon.storage.hold('list');
    daemon.calls.initWorkspace(withSecret('hunter2'), callContext()).catch(() => undefined);
    await expect.poll(() => stepOf('i1'), { interval: 5 }).toBe('settingUp.initializing');
    const [file = ''] = await readdir(daemon.area.secrets);
    expect((await lstat(join(daemon.area.secrets, file))).mode & 0o777).toBe(0o600);
    const whole = await readFile(join(daemon.area.secrets, file), 'utf8');
    expect(whole).toContain('hunter2');
    const failures: unknown[] = [];
    await daemon.stop();
    await writeFile(join(daemon.area.secrets, file), whole.slice(0, -3));
    daemon = await realCore({
      folder: daemon.folder,
      listener: { stepFailed: (_context, _step, error) => failures.push(error) },
    });
    await expect.poll(() => daemon.core.instances.owns(i1)).toBe(false);
    const told = await daemon.calls.waitForInit({ id: 'i1' }, callContext()).catch((error: unknown) => error);
    expect(told).toMatchObject({ code: 'credentials-lost' });
    expect(failures).toHaveLength(1);
    expect([told, ...failures].map(String).join()).not.toContain('hunter2');
  });
});

/** The next life over the same folder. */
async function restart(changes: CoreChanges = {}): Promise<void> {
  const { folder } = daemon;
  await daemon.stop();
  daemon = await realCore({ ...changes, folder });
}

function worldWith(before: BeforeOperation): World {
  const world = realWorld();
  return { ...world, files: interceptFiles(world.files, before) };
}

/** Without those that are being written. */
const recorded = async () => (await readdir(daemon.area.records)).filter((name) => name.endsWith('.record'));
const init = (id: string, workspace: string) =>
  daemon.calls.initWorkspace(emptyWorkspace(id, workspace), callContext());
const backup = (id: string) => daemon.calls.backupWorkspace({ id }, callContext());
const snapshot = (id: string) => daemon.calls.takeSnapshot({ id, returnImmediately: false }, callContext());
const dispose = (id: string) =>
  daemon.calls.disposeWorkspace({ id, backup: true, backupLogs: false }, callContext());
const content = (id: string) => daemon.area.contentOf(instanceId(id));
const stepOf = (id: string) => daemon.core.instances.find(instanceId(id))?.view.step;

const everything = { owner: '', workspaceId: '', pageSize: 0, pageToken: '' };

const stewardCalls = () => stewardCallsOf(daemon);

/** An Init that cannot get further than the storage, with a password. */
function withSecret(authPassword: string) {
  const git = {
    remoteUri: 'https://example.invalid/x.git',
    config: { authentication: GitAuthMethod.BASIC_AUTH, authUser: 'ada', authPassword },
  };
  return {
    ...emptyWorkspace('i1', 'w1'),
    initializer: WorkspaceInitializer.fromPartial({ spec: { $case: 'git', value: git } }),
  };
}
