import { chmod, chown, lstat, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makePrivateDirectory, requireSafeDirectory } from '../../src/gateways/private-directory.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();
const refused = expect.objectContaining({ code: 'permission-denied' });

it('makes a folder that is closed to others, and closes one that was open', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'a', 'secrets');
  await makePrivateDirectory(world, path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  await chmod(path, 0o755);
  await makePrivateDirectory(world, path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect(await readdir(path)).toEqual([]);
});

it('refuses a link, and leaves what it leads to as it is', async () => {
  const folder = await temporaryFolder();
  const victim = join(folder, 'victim');
  await mkdir(victim, { mode: 0o755 });
  await writeFile(join(victim, 'kept'), '');
  await symlink(victim, join(folder, 'secrets'));
  await expect(makePrivateDirectory(world, join(folder, 'secrets'))).rejects.toEqual(refused);
  expect((await lstat(victim)).mode & 0o777).toBe(0o755);
  expect(await readdir(victim)).toEqual(['kept']);
});

it('refuses a folder whose name anybody could give to another one', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'open'));
  await chmod(join(folder, 'open'), 0o777);
  await expect(makePrivateDirectory(world, join(folder, 'open', 'secrets'))).rejects.toEqual(refused);
  await chmod(join(folder, 'open'), 0o1777);
  await makePrivateDirectory(world, join(folder, 'open', 'secrets'));
});

it('takes a folder for safe that is ours or root’s and in which nobody else can put names', async () => {
  const folder = await temporaryFolder();
  await requireSafeDirectory(world, folder);
  await chmod(folder, 0o777);
  await expect(requireSafeDirectory(world, folder)).rejects.toEqual(refused);
  await chmod(folder, 0o1777);
  await requireSafeDirectory(world, folder);
  expect(await readdir(folder)).toEqual([]);
});

it.runIf(process.getuid?.() === 0)('takes no folder of somebody else for safe', async () => {
  const folder = await temporaryFolder();
  await chown(folder, 33333, 33333);
  await expect(requireSafeDirectory(world, folder)).rejects.toEqual(refused);
});

it.runIf(process.getuid?.() === 0)('refuses folders that belong to somebody else', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'theirs', 'secrets'), { recursive: true });
  await chown(join(folder, 'theirs'), 33333, 33333);
  await expect(makePrivateDirectory(world, join(folder, 'theirs', 'secrets'))).rejects.toEqual(refused);
  await chown(join(folder, 'theirs'), 0, 0);
  await chown(join(folder, 'theirs', 'secrets'), 33333, 33333);
  await expect(makePrivateDirectory(world, join(folder, 'theirs', 'secrets'))).rejects.toEqual(refused);
});
