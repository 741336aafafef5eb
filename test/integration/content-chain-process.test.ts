import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, open, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chainProcess, ordinaryUser, startedBy, stillRunning } from '../content/support/chain-process.js';
import { contentFolder, isRoot, newPlace } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** What a backup to a directory may take beyond an idle daemon. */
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
const LARGE_FILE_BYTES = Number(process.env['STEWARD_LARGE_FILE_BYTES'] ?? 80e9);
const LARGE_TREE_ENTRIES = Number(process.env['STEWARD_LARGE_TREE_ENTRIES'] ?? 10_000);
const ENTRIES_PER_FOLDER = 1_000;

test('a file of 80 GB with little in it is saved and restored within the memory that is promised', async () => {
  const { folder, content } = await setting();
  const marks = [0, Math.floor(LARGE_FILE_BYTES / 3), LARGE_FILE_BYTES - 4];
  const file = await open(join(content, 'disk.img'), 'w');
  for (const at of marks) await file.write('here', at);
  await file.close();
  const { backup, tell } = await chainProcess(folder);
  const { manifest, growthBytes } = await backup();
  expect(growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
  expect(manifest.tree?.bytes).toBe(LARGE_FILE_BYTES);
  const restored = await tell({ kind: 'restore', generation: 1 });
  expect(restored.growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
  const path = join(folder, 'restored-1/disk.img');
  expect(await stat(path)).toMatchObject({ size: LARGE_FILE_BYTES });
  expect((await stat(path)).blocks).toBeLessThan(1_000);
  const copy = await open(path);
  for (const at of marks) expect((await copy.read(Buffer.alloc(4), 0, 4, at)).buffer.toString()).toBe('here');
  await copy.close();
}, 600_000);

test('a tree of very many entries is saved and gets increments within the memory that is promised', async () => {
  const { folder, content } = await setting();
  const folders = Math.ceil(LARGE_TREE_ENTRIES / ENTRIES_PER_FOLDER);
  for (let index = 0; index < folders; index += 1) {
    await mkdir(join(content, `${index}`));
    const names = `seq ${ENTRIES_PER_FOLDER - 1} | sed s/^/a-name-as-long-as-they-are-/ | xargs touch`;
    execFileSync('sh', ['-c', names], { cwd: join(content, `${index}`) });
  }
  const { backup } = await chainProcess(folder);
  const first = await backup();
  expect(first.growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
  expect(first.manifest.tree?.entries).toBe(folders * ENTRIES_PER_FOLDER + 1);
  await writeFile(join(content, '0/new'), 'x');
  await rm(join(content, '1'), { recursive: true });
  const second = await backup();
  expect(second.growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
  expect(second.manifest.parts.length).toBe(2);
  expect(second.manifest.change).toMatchObject({ writtenFiles: 1, entriesDelta: 1 - ENTRIES_PER_FOLDER });
}, 900_000);

describe('when their daemon is killed', () => {
  const killed = async (
    child: Awaited<ReturnType<typeof chainProcess>>['child'],
    names: readonly string[],
  ) => {
    const started = startedBy(child.pid ?? 0);
    expect(started.map(({ name }) => name)).toEqual(expect.arrayContaining([...names]));
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
    await expect.poll(() => stillRunning(started), { timeout: 20_000 }).toEqual([]);
  };

  test('the programs of a backup end', async () => {
    const { folder, content } = await setting();
    await writeFile(join(content, 'large'), randomBytes(60_000_000));
    for (let index = 0; index < 6_000; index += 1) await writeFile(join(content, `file-${index}`), '');
    const { child, tell } = await chainProcess(folder);
    await tell({ kind: 'backup held' });
    const hasZstd = (await newPlace(folder).world.processes.find('zstd')) !== undefined;
    await killed(child, hasZstd ? ['tar', 'zstd', 'find'] : ['tar', 'find']);
  });

  test('the programs of a restore end', async () => {
    const { folder, content } = await setting();
    await writeFile(join(content, 'large'), randomBytes(20_000_000));
    const { child, tell, backup } = await chainProcess(folder);
    await backup();
    await tell({ kind: 'restore held', generation: 1 });
    await killed(child, ['tar']);
  });
});

test.skipIf(ordinaryUser === undefined)(
  'an ordinary user has increments, and folders that are not to be written',
  async () => {
    const { folder, content } = await setting();
    await chmod(folder, 0o755);
    await mkdir(join(content, 'closed/inner'), { recursive: true });
    for (const name of ['a', 'closed/gone', 'closed/kept', 'closed/inner/text']) {
      await writeFile(join(content, name), name);
    }
    await chmod(join(content, 'closed/inner'), 0o500);
    await chmod(join(content, 'closed'), 0o555);
    if (isRoot) execFileSync('chown', ['-R', `${ordinaryUser}:${ordinaryUser}`, folder]);
    const { backup, tell } = await chainProcess(folder, ordinaryUser);
    const trees: unknown[] = [];
    const round = async () => {
      if (isRoot) execFileSync('chown', ['-hR', `${ordinaryUser}:${ordinaryUser}`, content]);
      const { manifest } = await backup();
      trees.push(await describeTree(content));
      expect(manifest.parts.length).toBe(trees.length);
      expect(manifest.tree?.isExact).toBe(true);
    };
    await round();
    await chmod(join(content, 'closed'), 0o755);
    await rm(join(content, 'closed/gone'));
    await writeFile(join(content, 'closed/new'), 'new');
    await chmod(join(content, 'closed'), 0o555);
    await chmod(join(content, 'a'), 0o4755);
    await round();
    await chmod(join(content, 'closed'), 0o755);
    await chmod(join(content, 'closed/inner'), 0o755);
    await rm(join(content, 'closed/inner'), { recursive: true });
    await symlink('kept', join(content, 'closed/inner'));
    await chmod(join(content, 'closed'), 0o511);
    await round();
    for (const [index, tree] of trees.entries()) {
      await tell({ kind: 'restore', generation: index + 1 });
      expect(await describeTree(join(folder, `restored-${index + 1}`))).toEqual(tree);
    }
    execFileSync('chmod', ['-R', 'u+rwX', folder]);
  },
);

async function setting() {
  const folder = await temporaryFolder();
  const content = await contentFolder(newPlace(folder), join(folder, 'content'));
  return { folder, content };
}
