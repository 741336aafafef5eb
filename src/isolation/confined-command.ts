import { dirname } from 'node:path';
import type { ProcessCommand } from '../gateways/processes.js';
import { CONFINED_MEMORY_BYTES, CONFINED_TMP_MIB_MAX } from './bounds.js';
import { ENTER_SCRIPT, type Surroundings } from './surroundings.js';

/** What a command that works on the content of one workspace may touch. */
export interface ConfineOptions {
  /** The folder it may write to. Of the machine it sees this, the system's programs and settings, and no more. */
  readonly writable: string;
  /** Further folders it has to read, such as the one of the operator's certificates. */
  readonly readable?: readonly string[];
  /**
   * `owners`: a command that runs as root and gives files their owners, and has no other right of root. `devices`:
   * makes device nodes, too, which it cannot use.
   */
  readonly keeps?: 'nothing' | 'owners' | 'devices';
}

/** What a confined command may take of the machine. */
export interface ConfinedLimits {
  /** What one process of it may allocate, in bytes; what it maps of files to read them does not count. */
  readonly memoryBytes: number;
}

/** A machine that can confine: `user` by a user namespace, where we are not root. */
export interface ConfinedMachine {
  readonly mode: 'root' | 'user';
  readonly surroundings: Surroundings;
}

/** Rights of root that giving files their owners, modes and capabilities takes; device nodes take one more. */
const OWNER_RIGHTS = ',+chown,+dac_override,+fowner,+fsetid,+setfcap';
const RIGHTS = {
  root: { nothing: '', owners: OWNER_RIGHTS, devices: `${OWNER_RIGHTS},+mknod` },
  // tar takes the root of a user namespace for one who may write into closed folders; here only into one's own.
  user: { nothing: '', owners: ',+dac_override', devices: ',+dac_override' },
} as const;

/** The command as it runs in namespaces of its own; see `confine`. */
export function confined(
  { mode, surroundings }: ConfinedMachine,
  command: ProcessCommand,
  options: ConfineOptions,
  { memoryBytes }: ConfinedLimits = { memoryBytes: CONFINED_MEMORY_BYTES },
): ProcessCommand {
  const { uid, gid, program, args, ...rest } = command;
  const { files } = surroundings;
  return {
    ...rest,
    cwd: '/',
    program: 'setpriv',
    args: [
      '--pdeathsig=KILL',
      'unshare',
      ...(mode === 'user' ? ['--user', '--map-root-user'] : []),
      ...['--mount', '--pid', '--fork', '--kill-child', '--ipc', '--uts', '--'],
      ...['sh', '-c', ENTER_SCRIPT, 'confine'],
      command.cwd ?? '/',
      surroundings.links.join('\n'),
      [...new Set(files.map((file) => `.${dirname(file)}`))].join('\n'),
      files.map((file) => `.${file}`).join('\n'),
      mountsOf(surroundings, options),
      String(Math.floor(memoryBytes / 1024)),
      ...['setpriv', '--no-new-privs', '--inh-caps=-all'],
      `--bounding-set=-all${RIGHTS[mode][options.keeps ?? 'nothing']}`,
      ...(uid === undefined ? [] : [`--reuid=${uid}`]),
      ...(gid === undefined ? [] : [`--regid=${gid}`]),
      ...(mode === 'root' ? ['--clear-groups'] : []),
      ...['--pdeathsig=KILL', '--', program, ...args],
    ],
  };
}

/** In the form of fstab(5), below the place the new root is made at. */
function mountsOf({ folders, files }: Surroundings, { writable, readable = [] }: ConfineOptions): string {
  const isVisible = (path: string) => folders.some((folder) => `${path}/`.startsWith(`${folder}/`));
  const more = [...new Set(readable)].filter((folder) => !isVisible(folder));
  return [
    ...folders.map(readOnly),
    ...files.map((file) => line(file, file, 'bind')),
    line('proc', '/proc', 'nosuid,nodev,noexec,x-mount.mkdir', 'proc'),
    line('tmpfs', '/tmp', `mode=1777,size=${CONFINED_TMP_MIB_MAX}m,nosuid,nodev,x-mount.mkdir`, 'tmpfs'),
    ...more.map(readOnly),
    // What lies beside it stays out of sight, even where the system's own folders hold it.
    ...(isVisible(writable) ? [line('tmpfs', dirname(writable), 'mode=755,size=1m', 'tmpfs')] : []),
    line(writable, writable, 'bind,nosuid,nodev,x-mount.mkdir'),
  ].join('\n');
}

function readOnly(folder: string): string {
  return line(folder, folder, 'rbind,ro,nosuid,nodev,x-mount.mkdir');
}

function line(source: string, target: string, options: string, type = 'none'): string {
  return `${escaped(source)} /sys${escaped(target)} ${type} ${options} 0 0`;
}

/** As getmntent(3) reads it. */
function escaped(path: string): string {
  return path.replace(/[\s\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
