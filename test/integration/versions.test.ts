import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveKind, SnapshotState } from '../../src/gen/steward/v1/backup.js';
import type { RestoreBackupRequest } from '../../src/gen/steward/v1/content_service.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const W1 = { owner: 'o1', workspaceId: 'w1' };
const PAGE = { pageSize: 0, pageToken: '' };

let folder: string;
let daemon: RealDaemon;
beforeEach(async () => {
  folder = await temporaryFolder();
  daemon = await realDaemon(folder);
  await daemon.content.initWorkspace(emptyWorkspace('i1'));
});
afterEach(() => daemon.close());

const content = (instance = 'i1') => join(folder, 'daemon', 'workspaces', instance);
const inContent = (path: string, instance = 'i1') => join(content(instance), path);
const text = (path: string, instance = 'i1') => readFile(inContent(path, instance), 'utf8');

/** Writes the file and makes a version with it. */
async function version(name: string, said: string): Promise<void> {
  await mkdir(join(inContent(name), '..'), { recursive: true });
  await writeFile(inContent(name), said);
  await daemon.steward.makeBackup({ instanceId: 'i1', acceptShrink: false });
}

const stopped = (instance = 'i1') =>
  daemon.content.disposeWorkspace({ id: instance, backup: true, backupLogs: false });

async function last<Event>(events: AsyncIterable<Event>): Promise<Event> {
  let newest: Event | undefined;
  for await (const event of events) newest = event;
  if (newest === undefined) throw new Error('nothing came');
  return newest;
}

function restore(generation: bigint, target: RestoreBackupRequest['target'], paths: readonly string[] = []) {
  return last(daemon.steward.restoreBackup({ ...W1, generation, paths: [...paths], target }));
}

const intoInstance = (instanceId: string, path = '') =>
  ({ $case: 'intoInstance', value: { instanceId, path } }) as const;
const intoFolder = (path: string) => ({ $case: 'intoFolder', value: { path } }) as const;
const asNewest = { $case: 'asNewest', value: {} } as const;

describe('the versions of a workspace', () => {
  it('are listed newest first, in pages, with size, time and kind', async () => {
    for (const said of ['one', 'two', 'three']) await version('work.txt', said);
    const first = await daemon.steward.listBackups({ ...W1, pageSize: 2, pageToken: '' });
    expect(first.backups.map(({ generation }) => generation)).toEqual([3n, 2n]);
    const rest = await daemon.steward.listBackups({ ...W1, pageSize: 2, pageToken: first.nextPageToken });
    expect(rest.backups.map(({ generation }) => generation)).toEqual([1n]);
    expect(rest.nextPageToken).toBe('');
    const [oldest] = rest.backups;
    expect(oldest).toMatchObject({
      ...W1,
      instanceId: 'i1',
      kind: ArchiveKind.ARCHIVE_KIND_FULL,
      unusable: '',
      archives: [{ kind: ArchiveKind.ARCHIVE_KIND_FULL }],
    });
    expect(oldest?.url).toMatch(/@steward$/);
    expect(oldest?.sizeBytes).toBeGreaterThan(0n);
    expect(oldest?.createdMs).toBeGreaterThan(0n);
  });

  it('are verified by reading, and by restoring them for a look that leaves nothing behind', async () => {
    await version('work.txt', 'one');
    const read = await last(daemon.steward.verifyBackup({ ...W1, generation: 0n, drill: false }));
    expect(read).toMatchObject({ event: { $case: 'verified', value: { generation: 1n } }, proof: undefined });
    const drill = await last(daemon.steward.verifyBackup({ ...W1, generation: 1n, drill: true }));
    expect(drill.event?.$case).toBe('verified');
    expect(drill.proof).toBeDefined();
    expect(await readdir(join(folder, 'daemon', 'scratch'))).toEqual([]);
  });

  it('are found damaged when a byte of theirs has changed, and listed all the same', async () => {
    await version('work.txt', 'one');
    const backups = join(folder, 'objects', 'objects', 'o1', 'workspaces', 'w1', 'backups');
    const [archive = ''] = (await readdir(backups)).filter((name) => name.includes('.tar'));
    const bytes = await readFile(join(backups, archive));
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    await writeFile(join(backups, archive), bytes);
    const verified = last(daemon.steward.verifyBackup({ ...W1, generation: 1n, drill: false }));
    await expect(verified).rejects.toMatchObject({ code: 'backup-failed' });
    await writeFile(join(backups, '000000000001.manifest.json'), '{');
    const { backups: listed } = await daemon.steward.listBackups({ ...W1, ...PAGE });
    expect(listed).toMatchObject([{ generation: 1n, archives: [] }]);
    expect(listed[0]?.unusable).toContain('damaged');
  });

  it('give one deleted file back to content in use, beside what is there now', async () => {
    await version('deep/lost.txt', 'version one');
    await version('deep/lost.txt', 'version two');
    await rm(inContent('deep/lost.txt'));
    const back = await restore(1n, intoInstance('i1'), ['deep/lost.txt']);
    expect(back).toMatchObject({ event: { $case: 'restored' }, keptAside: [], keptAsideTotal: 0n });
    expect(await text('deep/lost.txt')).toBe('version one');
    const again = await restore(2n, intoInstance('i1'), ['./deep/lost.txt']);
    expect(await text('deep/lost.txt')).toBe('version two');
    const [aside] = again.keptAside;
    expect(aside?.path).toBe('deep/lost.txt');
    expect(await text(aside?.keptAs ?? '')).toBe('version one');
    const { transitions } = await daemon.steward.getHistory({ instanceId: 'i1', limit: 0 });
    expect(transitions.at(-1)).toMatchObject({ actor: 'stored-content', to: 'restored' });
  });

  it('go into a folder of another running workspace of the same owner', async () => {
    await version('deep/lost.txt', 'version one');
    await daemon.content.initWorkspace(emptyWorkspace('i2', 'w2'));
    await restore(1n, intoInstance('i2', 'from/w1'), ['deep/lost.txt']);
    expect(await text('from/w1/lost.txt', 'i2')).toBe('version one');
    await daemon.content.initWorkspace(emptyWorkspace('i3', 'w3', 'o2'));
    const foreign = restore(1n, intoInstance('i3'));
    await expect(foreign).rejects.toMatchObject({ code: 'permission-denied' });
  });

  it('come back whole into content in use, which stays known as ready', async () => {
    await version('a/one', '1');
    await version('.gitpod/notes', 'of the first');
    await writeFile(inContent('.gitpod/notes'), 'newer');
    await writeFile(inContent('later'), 'stays');
    await restore(2n, intoInstance('i1'));
    expect(await text('a/one')).toBe('1');
    expect(await text('.gitpod/notes')).toBe('of the first');
    expect(await text('later')).toBe('stays');
    expect(JSON.parse(await text('.gitpod/ready'))).toHaveProperty('source');
    await stopped();
    await daemon.content.initWorkspace(emptyWorkspace('i2'));
    expect(await text('a/one', 'i2')).toBe('1');
  });

  it('do not hold what an interrupted restore left in the content', async () => {
    await mkdir(inContent('.steward-restore/0'), { recursive: true });
    await version('work.txt', 'one');
    const drill = await last(daemon.steward.verifyBackup({ ...W1, generation: 1n, drill: true }));
    expect(drill.proof).toMatchObject({ compared: true });
    const look = join(folder, 'daemon', 'restored', 'look');
    await restore(1n, intoFolder(look));
    expect(await readdir(look)).not.toContain('.steward-restore');
  });

  it('are not written through a link that the workspace planted', async () => {
    await version('deep/lost.txt', 'version one');
    await rm(inContent('deep'), { recursive: true });
    await symlink(folder, inContent('deep'));
    const refused = restore(1n, intoInstance('i1'), ['deep/lost.txt']);
    await expect(refused).rejects.toMatchObject({ code: 'path-refused' });
    await expect(stat(join(folder, 'lost.txt'))).rejects.toThrow('ENOENT');
  });

  it('are unpacked for a look below the configured folder only, and whole', async () => {
    await version('work.txt', 'one');
    const restored = join(folder, 'daemon', 'restored');
    await restore(1n, intoFolder(join(restored, 'look', 'here')));
    expect(await readFile(join(restored, 'look', 'here', 'work.txt'), 'utf8')).toBe('one');
    const taken = restore(1n, intoFolder(join(restored, 'look', 'here')));
    await expect(taken).rejects.toMatchObject({ code: 'already-exists' });
    for (const path of ['/etc/steward-look', `${restored}/../look`, restored, 'look', '']) {
      await expect(restore(1n, intoFolder(path)), path).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    await symlink(folder, join(restored, 'out'));
    const led = restore(1n, intoFolder(join(restored, 'out', 'x')));
    await expect(led).rejects.toMatchObject({ code: 'path-refused' });
  });

  it('become the newest one again, unless an instance would make a newer one', async () => {
    await version('work.txt', 'one');
    await version('work.txt', 'two');
    await expect(restore(1n, asNewest)).rejects.toMatchObject({ code: 'workspace-busy' });
    await stopped();
    const { event } = await restore(1n, asNewest);
    const newest = event?.$case === 'restored' ? event.value : undefined;
    expect(newest?.promotedFrom).toBe(1n);
    await daemon.content.initWorkspace(emptyWorkspace('i2'));
    expect(await text('work.txt', 'i2')).toBe('one');
    const { backups } = await daemon.steward.listBackups({ ...W1, ...PAGE });
    expect(backups[0]?.generation).toBe(newest?.generation);
    expect(backups.map(({ generation }) => generation)).toContain(2n);
  });

  it('are deleted one by one, the newest only by force, and a dry run removes nothing', async () => {
    for (const said of ['one', 'two']) await version('work.txt', said);
    const request = { ...W1, generation: 2n, reason: 'to try it' };
    await expect(
      daemon.steward.deleteBackup({ ...request, force: false, dryRun: false }),
    ).rejects.toMatchObject({ code: 'wrong-state' });
    const told = await daemon.steward.deleteBackup({ ...request, force: true, dryRun: true });
    const done = await daemon.steward.deleteBackup({ ...request, force: true, dryRun: false });
    expect(done).toEqual(told);
    expect(done.freedBytes).toBeGreaterThan(0n);
    expect(done.objects[0]).toMatch(/000000000002\.manifest\.json$/);
    const { backups } = await daemon.steward.listBackups({ ...W1, ...PAGE });
    expect(backups.map(({ generation }) => generation)).toEqual([1n]);
    const gone = daemon.steward.deleteBackup({ ...request, force: true, dryRun: false });
    await expect(gone).rejects.toMatchObject({ code: 'backup-not-found' });
    const { transitions } = await daemon.steward.getHistory({ instanceId: 'i1', limit: 0 });
    expect(transitions.at(-1)).toMatchObject({ to: 'deleted', cause: 'DeleteBackup' });
    expect(transitions.at(-1)?.detail).toContain('to try it');
  });
});

describe('snapshots', () => {
  it('are listed with their state and deleted, what is not a snapshot never', async () => {
    await writeFile(inContent('work.txt'), 'one');
    const { url } = await daemon.content.takeSnapshot({ id: 'i1', returnImmediately: false });
    const { snapshots } = await daemon.steward.listSnapshots({ ...W1, ...PAGE });
    expect(snapshots).toMatchObject([
      { url, instanceId: 'i1', state: SnapshotState.SNAPSHOT_STATE_AVAILABLE },
    ]);
    const told = await daemon.steward.deleteSnapshot({ url, reason: '', dryRun: true });
    expect(told.objects).toHaveLength(2);
    expect(await daemon.steward.deleteSnapshot({ url, reason: '', dryRun: false })).toEqual(told);
    const again = await daemon.steward.deleteSnapshot({ url, reason: '', dryRun: false });
    expect(again).toEqual({ freedBytes: 0n, objects: [] });
    expect((await daemon.steward.listSnapshots({ ...W1, ...PAGE })).snapshots).toEqual([]);
    await daemon.steward.makeBackup({ instanceId: 'i1', acceptShrink: false });
    const [backup] = (await daemon.steward.listBackups({ ...W1, ...PAGE })).backups;
    const wrong = daemon.steward.deleteSnapshot({ url: backup?.url ?? '', reason: '', dryRun: false });
    await expect(wrong).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('stored content', () => {
  const workspace = { $case: 'workspaceId', value: 'w1' } as const;
  const request = { owner: 'o1', what: workspace, includeSnapshots: true, reason: 'it was asked for' };

  it('of a workspace goes when no instance of it is here', async () => {
    await version('work.txt', 'one');
    const busy = daemon.steward.deleteStoredContent({ ...request, dryRun: false });
    await expect(busy).rejects.toMatchObject({ code: 'workspace-busy' });
    await stopped();
    const told = await daemon.steward.deleteStoredContent({ ...request, dryRun: true });
    expect(told.workspaces).toMatchObject([{ workspaceId: 'w1', snapshots: 0n }]);
    expect(await daemon.steward.deleteStoredContent({ ...request, dryRun: false })).toEqual(told);
    expect((await daemon.steward.listBackups({ ...W1, ...PAGE })).backups).toEqual([]);
    expect((await daemon.steward.deleteStoredContent({ ...request, dryRun: false })).objects).toBe(0n);
  });

  it('of an owner goes when it is said twice whose it is', async () => {
    await stopped();
    const owner = (confirmOwner: string) => ({ $case: 'wholeOwner', value: { confirmOwner } }) as const;
    const call = (confirm: string) =>
      daemon.steward.deleteStoredContent({ ...request, what: owner(confirm), dryRun: false });
    await expect(call('o2')).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await call('o1')).objects).toBeGreaterThan(0n);
    const silent = daemon.steward.deleteStoredContent({ ...request, reason: '', dryRun: false });
    await expect(silent).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('recovering an instance', () => {
  const reason = 'the disk is lost';

  it('gives content up only when its id is said twice, and the history says why', async () => {
    const abandon = (confirmInstanceId: string) =>
      daemon.steward.recover({
        ...{ instanceId: 'i1', reason },
        action: { $case: 'abandon', value: { confirmInstanceId } },
      });
    await expect(abandon('i2')).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await abandon('i1')).content).toMatchObject({ step: 'gone' });
    expect((await daemon.steward.listBackups({ ...W1, ...PAGE })).backups).toEqual([]);
    const { transitions } = await daemon.steward.getHistory({ instanceId: 'i1', limit: 0 });
    const said = transitions.find(({ cause }) => cause === 'Recover');
    expect(said?.detail).toContain(reason);
  });

  it('tries again at once what pauses, and is content when nothing does', async () => {
    const retry = { $case: 'retry', value: {} } as const;
    const answer = await daemon.steward.recover({ instanceId: 'i1', reason, action: retry });
    expect(answer.content).toMatchObject({ step: 'available.idle' });
    const unknown = daemon.steward.recover({ instanceId: 'nobody', reason, action: retry });
    await expect(unknown).rejects.toMatchObject({ code: 'unknown-instance' });
  });
});

describe('bad input', () => {
  const long = 'x'.repeat(5_000);
  const versionOf = { ...W1, generation: 1n };
  const calls: readonly (readonly [string, (call: RealDaemon['steward']) => Promise<unknown>])[] = [
    ['owner', (call) => call.listBackups({ ...W1, ...PAGE, owner: '../o1' })],
    ['workspace_id', (call) => call.listBackups({ ...W1, ...PAGE, workspaceId: '' })],
    ['page_size', (call) => call.listBackups({ ...W1, ...PAGE, pageSize: -1 })],
    ['page_token', (call) => call.listBackups({ ...W1, ...PAGE, pageToken: '-3' })],
    ['page_token', (call) => call.listSnapshots({ ...W1, ...PAGE, pageToken: '../x' })],
    ['page_token', (call) => call.listDrills({ ...W1, ...PAGE, pageToken: 'x' })],
    ['generation', (call) => last(call.verifyBackup({ ...W1, drill: false, generation: 2n ** 63n }))],
    [
      'generation',
      (call) => call.deleteBackup({ ...versionOf, generation: 0n, force: true, dryRun: true, reason: '' }),
    ],
    ['reason', (call) => call.deleteBackup({ ...versionOf, force: true, dryRun: true, reason: long })],
    ['target', (call) => last(call.restoreBackup({ ...versionOf, paths: [], target: undefined }))],
    ['paths', (call) => last(call.restoreBackup({ ...versionOf, paths: ['x'], target: asNewest }))],
    [
      'into_instance.path',
      (call) => last(call.restoreBackup({ ...versionOf, paths: [], target: intoInstance('i1', '../x') })),
    ],
    [
      'into_instance.instance_id',
      (call) => last(call.restoreBackup({ ...versionOf, paths: [], target: intoInstance('a b') })),
    ],
    ['url', (call) => call.deleteSnapshot({ url: 'x', reason: '', dryRun: true })],
    ['url', (call) => call.deleteSnapshot({ url: '', reason: '', dryRun: true })],
    [
      'what',
      (call) =>
        call.deleteStoredContent({
          owner: 'o1',
          what: undefined,
          includeSnapshots: false,
          dryRun: true,
          reason: '',
        }),
    ],
    ['instance_id', (call) => call.makeBackup({ instanceId: '', acceptShrink: false })],
    [
      'reason',
      (call) => call.recover({ instanceId: 'i1', reason: '', action: { $case: 'retry', value: {} } }),
    ],
    ['action', (call) => call.recover({ instanceId: 'i1', reason: 'x', action: undefined })],
  ];

  it.each(calls.map(([field, call], index) => [index, field, call] as const))(
    '%d: %s is named, and nothing happens',
    async (_index, field, call) => {
      await version('work.txt', 'one');
      const refused = call(daemon.steward);
      await expect(refused).rejects.toMatchObject({ code: 'invalid-argument' });
      await expect(refused).rejects.toThrow(field);
    },
  );

  it.each(['/etc/passwd', '../up', 'a/../../b', '', '.', './', 'zero\0byte', long])(
    'the path %j is refused',
    async (path) => {
      await version('work.txt', 'one');
      await expect(restore(1n, intoInstance('i1'), [path])).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    },
  );

  it('a version and a path that are not there are told apart', async () => {
    await version('work.txt', 'one');
    await expect(restore(9n, intoInstance('i1'))).rejects.toMatchObject({ code: 'backup-not-found' });
    const path = restore(1n, intoInstance('i1'), ['no/such']);
    await expect(path).rejects.toMatchObject({ code: 'path-not-found' });
    await expect(restore(1n, intoInstance('nobody'))).rejects.toMatchObject({ code: 'unknown-instance' });
  });
});
