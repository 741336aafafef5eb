import { dirname, join } from 'node:path';
import { formatBytes } from '../../config/quantity.js';
import type { World } from '../../gateways/world.js';
import { FREE_SPACE_WARNING_BYTES, TOOL_OUTPUT_BYTES } from '../bounds.js';
import { type Finding, missing, ok, warning } from './check.js';
import { mountOf } from './mounts.js';
import { tryTool } from './trial.js';
import { xattrArchive } from './xattr-archive.js';

/** Memory-backed folder for secrets. */
const MEMORY_FOLDER = '/dev/shm';
const MEMORY_TYPES: ReadonlySet<string> = new Set(['tmpfs', 'ramfs']);

/** What the file system of the state folder and the one for secrets can do. */
export async function checkStorage(world: World, stateFolder: string): Promise<readonly Finding[]> {
  const mountinfo = await world.files
    .read('/proc/self/mountinfo', TOOL_OUTPUT_BYTES)
    .then((bytes) => bytes.toString('utf8'))
    .catch(() => '');
  const existing = await nearestExisting(world, stateFolder);
  const memory = checkMemory(mountinfo);
  const trial = join(existing, `.steward-doctor-${world.random.uuid()}`);
  try {
    await world.files.makeDirectory(trial, 0o700);
  } catch {
    const remedy = `Choose another folder with --state, or allow writing to ${existing}.`;
    return [missing('state folder', `${stateFolder} cannot be written`, remedy), memory];
  }
  try {
    return [
      ok('state folder', stateFolder),
      ok('file system', mountOf(mountinfo, existing)?.type ?? 'unknown'),
      await checkSpace(world, existing),
      await checkXattrs(world, trial),
      await checkReflinks(world, trial),
      memory,
    ];
  } finally {
    await world.files.remove(trial);
  }
}

/** The folder itself, or where it would be made. */
async function nearestExisting(world: World, path: string): Promise<string> {
  let folder = path;
  while (
    dirname(folder) !== folder &&
    (await world.files.stat(folder).catch(() => undefined)) === undefined
  ) {
    folder = dirname(folder);
  }
  return folder;
}

async function checkSpace(world: World, folder: string): Promise<Finding> {
  const { freeBytes, totalBytes } = await world.files.space(folder);
  const found = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free`;
  if (freeBytes >= FREE_SPACE_WARNING_BYTES) return ok('free space', found);
  return warning(
    'free space',
    found,
    'Workspaces and their backups need room: free some, or choose another --state.',
  );
}

/** Whether GNU tar can give a file an extended attribute here and read it back: that is how backups do it. */
async function checkXattrs(world: World, folder: string): Promise<Finding> {
  const name = 'extended attributes';
  const unpack = ['--xattrs', '--xattrs-include=*', '-xf', '-', '-C', folder];
  await tryTool(world, 'tar', unpack, xattrArchive('probe', 'user.steward', 'kept'));
  const packed = await tryTool(world, 'tar', ['--format=pax', '--xattrs', '-cf', '-', '-C', folder, 'probe']);
  if (packed.stdout.includes('SCHILY.xattr.user.steward=kept')) return ok(name, 'kept');
  const remedy =
    'Files lose them in workspaces here: put the state folder on ext4, xfs or btrfs if you need them.';
  return warning(name, 'not kept', remedy);
}

async function checkReflinks(world: World, folder: string): Promise<Finding> {
  const source = join(folder, 'reflink-source');
  await world.files.write(source, 'x'.repeat(4096));
  const { isOk } = await tryTool(world, 'cp', ['--reflink=always', source, join(folder, 'reflink-copy')]);
  if (isOk) return ok('reflinks', 'copies share their blocks');
  return warning(
    'reflinks',
    'not offered',
    'Copies of content take time and room; btrfs and xfs share the blocks.',
  );
}

function checkMemory(mountinfo: string): Finding {
  const name = 'memory file system';
  const mount = mountOf(mountinfo, MEMORY_FOLDER);
  if (mount?.path === MEMORY_FOLDER && MEMORY_TYPES.has(mount.type))
    return ok(name, `${MEMORY_FOLDER} (${mount.type})`);
  return warning(
    name,
    'none at /dev/shm',
    'Secrets of set-ups are kept on disk for a moment: mount a tmpfs at /dev/shm.',
  );
}
