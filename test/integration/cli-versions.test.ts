import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines } from '../cli/support/memory-cli.js';
import { RealSystem } from '../cli/support/real-system.js';

let system: RealSystem;
beforeAll(async () => {
  system = await RealSystem.create();
  expect(await system.up()).toHaveProperty('ready');
  const start = [
    'start',
    '--empty',
    '--workspace',
    'loom',
    '--instance',
    'loom-1',
    '--owner',
    'ada',
    '--wait',
  ];
  expect(await system.steward(...start)).toMatchObject({ code: 0 });
  for (const said of ['one', 'two']) {
    await writeFile(inContent('work.txt'), said);
    expect(await system.steward('backup', 'loom-1')).toMatchObject({ code: 0 });
  }
});
afterAll(() => system.remove());

const inContent = (path: string, instance = 'loom-1') =>
  join(system.stateFolder, 'daemon', 'workspaces', instance, path);

describe('the command about versions, against the real system', () => {
  it('finds them by workspace or instance, and says whose it looked for when there are none', async () => {
    const byWorkspace = await system.steward('backups', 'loom', '--json');
    expect(byWorkspace).toMatchObject({ code: 0, stderr: '' });
    const versions = jsonLines(byWorkspace.stdout);
    expect(versions).toMatchObject([
      { owner: 'ada', workspaceId: 'loom', generation: '2' },
      { owner: 'ada', workspaceId: 'loom', generation: '1' },
    ]);
    expect(await system.steward('backups', 'loom-1', '--json')).toEqual(byWorkspace);
    const { stdout } = await system.steward('backups', 'loom');
    expect(stdout).toMatch(/^VERSION +TIME[\s\S]*\n +2 +\d{4}-/);
    const nobody = await system.steward('backups', 'loom', '--owner', 'bob');
    expect(nobody).toMatchObject({ code: 0, stdout: '' });
    expect(nobody.stderr).toContain('owner bob');
  });

  it('proves that they restore, and exits with 7 when one does not', async () => {
    const all = await system.steward('verify', 'loom', '--all', '--json');
    expect(all.code).toBe(0);
    expect(jsonLines(all.stdout)).toMatchObject([
      { workspace: 'loom', generation: '2', verified: true },
      { workspace: 'loom', generation: '1', verified: true },
    ]);
    const drill = await system.steward('verify', 'loom@1', '--drill', '--json');
    expect(jsonLines(drill.stdout)).toMatchObject([{ generation: '1', proof: expect.anything() }]);
    const manifest = join(
      ...[system.stateFolder, 'daemon', 'objects', 'objects', 'ada', 'workspaces', 'loom', 'backups'],
      '000000000001.manifest.json',
    );
    const whole = await readFile(manifest);
    await writeFile(manifest, '{}');
    const broken = await system.steward('verify', 'loom', '--all', '--json');
    await writeFile(manifest, whole);
    expect(broken.code).toBe(7);
    expect(jsonLines(broken.stdout)).toMatchObject([
      { generation: '2', verified: true },
      { generation: '1', verified: false, failure: 'manifest-unreadable' },
    ]);
    expect((await system.steward('verify', 'nothing')).code).toBe(3);
    expect((await system.steward('verify', 'loom@9')).code).toBe(3);
  });

  it('takes one deleted file back from the version before last', async () => {
    await rm(inContent('work.txt'));
    const back = await system.steward('restore', 'loom@1', 'work.txt', '--into', 'loom-1', '--json');
    expect(back.code).toBe(0);
    expect(jsonLines(back.stdout)).toMatchObject([{ restored: { generation: '1' }, keptAsideTotal: '0' }]);
    expect(await readFile(inContent('work.txt'), 'utf8')).toBe('one');
    const again = await system.steward('restore', 'loom', 'work.txt', '--into', 'loom-1', '--to', '.old');
    expect(again).toMatchObject({ code: 0, stdout: 'loom@2 is in loom-1.\n' });
    expect(await readFile(inContent('.old/work.txt'), 'utf8')).toBe('two');
    expect((await system.steward('restore', 'loom@1', 'no/such', '--into', 'loom-1')).code).toBe(3);
    expect((await system.steward('restore', 'loom@1', '../up', '--into', 'loom-1')).code).toBe(2);
    expect((await system.steward('restore', 'loom@1', '--as-newest')).code).toBe(4);
  });

  it('begins a new workspace with a version', async () => {
    const started = await system.steward('restore', 'loom@1', '--new', 'again', '--wait', '--json');
    expect(started, started.stderr).toMatchObject({ code: 0 });
    expect(jsonLines(started.stdout)).toMatchObject([{ workspace: 'again', owner: 'ada', phase: 'running' }]);
    const [, instance = ''] = /"instance":"([^"]+)"/.exec(started.stdout) ?? [];
    expect(await readFile(inContent('work.txt', instance), 'utf8')).toBe('one');
  });

  it('shows what an instance has saved, and when it will next', async () => {
    const { stdout } = await system.steward('describe', 'loom-1');
    expect(stdout).toMatch(/last backup +version 2, (full|increment 1)/);
    const json = jsonLines((await system.steward('describe', 'loom-1', '--json')).stdout);
    expect(json).toMatchObject([{ newestVersion: { generation: '2' } }]);
  });

  it('lists and deletes snapshots', async () => {
    const url = (await system.steward('snapshot', 'loom-1', '--quiet')).stdout.trim();
    const listed = await system.steward('snapshots', 'loom', '--json');
    expect(jsonLines(listed.stdout)).toMatchObject([{ url, state: 'SNAPSHOT_STATE_AVAILABLE' }]);
    const told = await system.steward('delete', 'snapshot', url);
    expect(told).toMatchObject({ code: 2, stderr: 'Nothing was removed. Add --yes to do it.\n' });
    expect((await system.steward('delete', 'snapshot', url, '--yes')).stdout).toContain('is gone');
    expect((await system.steward('snapshots', 'loom', '--json')).stdout).toBe('');
  });

  it('deletes nothing without --yes, one version with it, and the rest when nobody uses it', async () => {
    const dry = await system.steward('delete', 'backup', 'loom@1', '--dry-run', '--json');
    expect(dry.code).toBe(0);
    expect(jsonLines(dry.stdout)).toMatchObject([{ generation: '1', dryRun: true }]);
    const deleted = await system.steward('delete', 'backup', 'loom@1', '--yes', '--reason', 'tidy', '--json');
    expect(jsonLines(deleted.stdout)).toMatchObject([{ generation: '1', dryRun: false }]);
    expect((await system.steward('delete', 'backup', 'loom@1', '--yes')).code).toBe(3);
    const { stdout } = await system.steward('history', 'loom-1', '--json');
    expect(jsonLines(stdout).at(-1)).toMatchObject({ actor: 'stored-content', to: 'deleted' });
    const workspace = ['delete', 'workspace', 'loom', '--owner', 'ada', '--snapshots'];
    expect((await system.steward(...workspace, '--reason', 'tidy', '--yes')).code).toBe(4);
    expect((await system.steward('stop', 'loom-1', '--wait')).code).toBe(0);
    const told = await system.steward(...workspace, '--dry-run', '--json');
    const done = await system.steward(...workspace, '--reason', 'tidy', '--yes', '--json');
    const [, counted] = /"objects":"([1-9]\d*)"/.exec(told.stdout) ?? [];
    expect(counted).toBeDefined();
    expect(jsonLines(done.stdout)).toMatchObject([{ objects: counted, dryRun: false }]);
    expect((await system.steward('backups', 'loom', '--owner', 'ada', '--json')).stdout).toBe('');
  });

  it('gives up content only when that is said twice', async () => {
    const start = ['start', '--empty', '--workspace', 'lost', '--instance', 'lost-1', '--wait'];
    expect((await system.steward(...start)).code).toBe(0);
    const retry = await system.steward('recover', 'lost-1', '--retry', '--reason', 'to try it', '--json');
    expect(jsonLines(retry.stdout)).toMatchObject([{ action: 'retry', content: { state: 'AVAILABLE' } }]);
    const abandon = ['recover', 'lost-1', '--abandon', '--reason', 'of no use'];
    expect((await system.steward(...abandon)).code).toBe(2);
    expect((await system.steward(...abandon, '--yes')).code).toBe(0);
    expect((await system.steward('recover', 'nobody', '--retry', '--reason', 'x')).code).toBe(3);
    expect((await system.steward('drills', '--json')).code).toBe(0);
  });
});
