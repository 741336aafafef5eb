import { basename, dirname, join } from 'node:path';
import { errorCode } from '../../gateways/file-error.js';
import type { Files } from '../../gateways/files.js';
import type { World } from '../../gateways/world.js';
import { CGROUP_DEPTH_MAX, PROC_FILE_BYTES_MAX } from '../bounds.js';

/**
 * A group of the kernel (cgroups(7), version 2) for each start of a run, which no process can leave by itself. They hold no
 * limits; they only say which processes there are.
 *
 * How the folders of groups begin that we can make, below the one we are in; undefined where the machine has none
 * that we may use. `name` tells ours from those of other programs.
 */
export async function openCgroups(world: World, name: string): Promise<string | undefined> {
  const { files } = world;
  try {
    const mounts = (await files.read('/proc/self/mounts', PROC_FILE_BYTES_MAX)).toString('latin1');
    const [, mountPoint] =
      mounts
        .split('\n')
        .map(fields)
        .find(([, , type]) => type === 'cgroup2') ?? [];
    const own = (await files.read('/proc/self/cgroup', PROC_FILE_BYTES_MAX)).toString('latin1');
    const [, place] = /^0::(\/.*)$/m.exec(own) ?? [];
    if (mountPoint === undefined || place === undefined) return undefined;
    const prefix = join(mountPoint, place, `${name}-`);
    const trial = `${prefix}trial`;
    await files.makeDirectory(trial);
    const mayMove = await succeeds(world, 'sh', ['-c', 'echo 0 >"$1/cgroup.procs"', 'trial', trial]);
    await removeCgroup(world, trial);
    return mayMove ? prefix : undefined;
  } catch {
    return undefined;
  }
}

/** Those of all starts of a run that still exist: their folders begin with `prefix`, the name of the start follows. */
export async function cgroupsFrom(files: Files, prefix: string): Promise<readonly string[]> {
  const entries = await unlessGone(() => files.list(dirname(prefix)));
  const [begin, length] = [basename(prefix), basename(prefix).length];
  return (entries ?? [])
    .filter(({ name }) => name.startsWith(begin) && START.test(name.slice(length)))
    .map(({ name }) => join(dirname(prefix), name));
}

/** As starts are named. */
const START = /^[0-9a-f]{16}$/;

export async function addToCgroup(files: Files, folder: string, pid: number): Promise<void> {
  await files.write(join(folder, 'cgroup.procs'), String(pid));
}

/** The processes in the group and those below it; none when it is gone. */
export async function cgroupPids(files: Files, folder: string, depth = 0): Promise<readonly number[]> {
  const text = await unlessGone(() => files.read(join(folder, 'cgroup.procs'), PROC_FILE_BYTES_MAX));
  if (text === undefined) return [];
  const pids = text.toString('latin1').split('\n').filter(Boolean).map(Number);
  const entries = depth < CGROUP_DEPTH_MAX ? await unlessGone(() => files.list(folder)) : undefined;
  for (const { name, kind } of entries ?? []) {
    if (kind === 'directory') pids.push(...(await cgroupPids(files, join(folder, name), depth + 1)));
  }
  return pids;
}

/** Whether there is any process in the group or below it, those apart that have ended; false when it is gone. */
export async function isPopulated(files: Files, folder: string): Promise<boolean> {
  const text = await unlessGone(() => files.read(join(folder, 'cgroup.events'), PROC_FILE_BYTES_MAX));
  return text?.toString('latin1').includes('populated 1') ?? false;
}

/** Kills all of the group at once; false where the kernel cannot (before 5.14). */
export async function killCgroup(files: Files, folder: string): Promise<boolean> {
  const path = join(folder, 'cgroup.kill');
  if ((await files.stat(path)) === undefined) return false;
  return (await unlessGone(() => files.write(path, '1').then(() => true))) ?? false;
}

/** Removes the group when nobody is left in it. Its files are the kernel's and go with the folder. */
export async function removeCgroup(world: World, folder: string): Promise<void> {
  if ((await world.files.stat(folder)) !== undefined) await succeeds(world, 'rmdir', ['--', folder]);
}

async function succeeds({ processes }: World, program: string, args: readonly string[]): Promise<boolean> {
  const child = processes.start({ program, args, env: {} });
  child.stdout.resume();
  child.stderr.resume();
  const exit = await child.exit;
  return exit.kind === 'code' && exit.code === 0;
}

function fields(line: string): readonly string[] {
  return line.split(' ');
}

async function unlessGone<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}
