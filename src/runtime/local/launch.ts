import { join, normalize, relative } from 'node:path';
import { StewardError } from '../../errors/steward-error.js';
import { errorCode } from '../../gateways/file-error.js';
import type { World } from '../../gateways/world.js';
import type { RunRequest } from '../workspace-runtime.js';
import { addToCgroup } from './cgroup.js';
import { LOGGER } from './logger.js';
import { RUN_VARIABLE } from './members.js';
import type { Owner, RunFolder } from './run-folder.js';
import type { RunRecord } from './run-note.js';
import { SHIM } from './shim.js';
import { runTasks } from './tasks.js';

export interface LaunchOptions {
  readonly owner: Owner | undefined;
  readonly logFileBytes: number;
  readonly logFilesKept: number;
}

export interface LaunchPlace {
  readonly folder: RunFolder;
  readonly record: RunRecord;
  /** How folders of groups of processes begin, where the machine has such. */
  readonly cgroups: string | undefined;
}

/** Where the shim and the logger find their own few tools, whatever the workspace's PATH says. */
export const TOOLS_PATH = '/usr/local/bin:/usr/bin:/bin:/run/current-system/sw/bin';

/** Starts the shim, in its group and with its logger. Resolves when it may go on. */
export async function launch(
  world: World,
  options: LaunchOptions,
  run: RunRequest,
  { folder, record, cgroups }: LaunchPlace,
): Promise<void> {
  const { files, processes, random } = world;
  const start = Buffer.from(random.bytes(8)).toString('hex');
  const workingFolder = await folderIn(world, run.contentFolder, run.location);
  // Of each start its own: the logger of one that was cut off removes the group of that one only.
  const ownCgroups = cgroups === undefined ? undefined : `${cgroups}${run.instance}-`;
  const cgroup = ownCgroups === undefined ? undefined : `${ownCgroups}${start}`;
  if (cgroup !== undefined) await files.makeDirectory(cgroup);
  await record.write(start, {
    contentFolder: run.contentFolder,
    workingFolder,
    ...(ownCgroups === undefined ? {} : { cgroups: ownCgroups }),
  });
  const { command, env } = await workOf(world, run);
  const [program = '/bin/sh', ...args] = [...(await powerless(world, options.owner)), '/bin/sh'];
  try {
    await processes.startDetached({
      program,
      args: [...args, '-c', SHIM, 'steward-shim', workingFolder, TOOLS_PATH, start, ...command],
      env: { ...env, HOME: folder.home, [RUN_VARIABLE]: folder.path },
      cwd: folder.path,
      logPath: join(record.logFolder(start), 'output'),
      logger: await loggerOf(world, options, record.logFolder(start), cgroup),
      hold: async (pid) => {
        if (cgroup !== undefined) await addToCgroup(files, cgroup, pid);
      },
      ...options.owner,
    });
  } catch (error) {
    if (errorCode(error) !== 'E2BIG') throw error;
    throw new StewardError('invalid-argument', TOO_LARGE);
  }
}

/** As the kernel sees it (execve(2)): one text of 128 KiB is too long already. */
export const TOO_LARGE = 'its command and environment are larger than the system allows';

/**
 * The content, or the folder in it. Clients may name that as a container sees it, where the content is mounted at
 * /workspace.
 */
async function folderIn({ files }: World, contentFolder: string, location: string): Promise<string> {
  const folder = normalize(join(contentFolder, location.replace(WORKSPACE_MOUNT, '')));
  if (relative(contentFolder, folder).startsWith('..')) return contentFolder;
  return (await files.stat(folder))?.kind === 'directory' ? folder : contentFolder;
}

export const WORKSPACE_MOUNT = /^\/workspace(?=\/|$)/;

/**
 * Content may hold set-id files of root (archives keep them), and nothing separates this process from the
 * machine: PR_SET_NO_NEW_PRIVS (prctl(2)) keeps such files from giving it root's rights.
 */
async function powerless(world: World, owner: Owner | undefined): Promise<readonly string[]> {
  if (owner === undefined) return [];
  const setpriv = await world.processes.find('setpriv');
  return setpriv === undefined ? [] : [setpriv, NO_NEW_PRIVILEGES, '--'];
}

export const NO_NEW_PRIVILEGES = '--no-new-privs';

async function workOf(world: World, { work, env, contentFolder }: RunRequest) {
  if (work.kind === 'command') return { command: work.command, env };
  const shell = (await world.processes.find('bash')) ?? '/bin/sh';
  const tasks = runTasks(shell, contentFolder, work.tasks);
  return { command: tasks.command, env: { ...env, ...tasks.env } };
}

async function loggerOf(world: World, options: LaunchOptions, folder: string, cgroup = '') {
  const { logFileBytes, logFilesKept } = options;
  const unbuffered = (await world.processes.find('stdbuf')) === undefined ? [] : ['stdbuf', '-o0'];
  const copy = [...unbuffered, 'head'];
  return {
    program: '/bin/sh',
    args: ['-c', LOGGER, 'steward-logger', String(logFileBytes), String(logFilesKept), cgroup, ...copy],
    env: { PATH: TOOLS_PATH, LC_ALL: 'C' },
    cwd: folder,
  };
}
