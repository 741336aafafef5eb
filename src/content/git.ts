import { dirname } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { StewardError } from '../errors/steward-error.js';
import type { ProcessCommand } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { confine } from '../isolation/confine.js';
import { GIT_LOW_SPEED_BYTES, GIT_LOW_SPEED_SECONDS, GIT_OUTPUT_BYTES_MAX } from './bounds.js';
import { type GitProgress, gitProgressIn } from './git-progress.js';
import { recordsOf, Tail } from './lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';
import type { ContentUser } from './user.js';

/** One git command under the closed configuration. */
export interface GitCommand {
  readonly args: readonly string[];
  readonly folder: string;
  /** The content the working copy is part of: all that git may write to, and see of the workspaces. */
  readonly root: string;
  readonly user: ContentUser | undefined;
  readonly signal: AbortSignal;
  /** After the closed configuration; no `=` in keys, no secrets in values. */
  readonly settings?: readonly GitSetting[];
  /** Beside the closed environment; not for secrets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Read by a credential helper from descriptor 3. */
  readonly pipes?: readonly Uint8Array[];
  /** Told of what a command with `--progress` says. */
  readonly onProgress?: (progress: GitProgress) => void;
}

export type GitSetting = readonly [key: string, value: string];

export interface GitOutcome {
  readonly code: number;
  /** The first part of what it printed; all of it unless `isCut`. */
  readonly output: string;
  readonly isCut: boolean;
  /** The last lines of its messages; scrub them before anybody sees them. */
  readonly complaint: string;
  /** Whether it could not have the memory it asked for. */
  readonly lacksMemory: boolean;
  /** Whether a disk was full. */
  readonly lacksRoom: boolean;
}

/**
 * Settings that win over any repository's own: nothing a repository, a template or a user's home names is run, no
 * protocol is spoken unless a command allows it, nothing keeps running in the background.
 */
const CLOSED_SETTINGS: readonly GitSetting[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.askPass', ''],
  ['core.pager', 'cat'],
  ['core.editor', 'false'],
  ['core.alternateRefsCommand', ''],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['credential.helper', ''],
  ['init.templateDir', ''],
  ['diff.external', ''],
  ['log.showSignature', 'false'],
  ['gpg.program', 'false'],
  ['protocol.allow', 'never'],
  ['protocol.ext.allow', 'never'],
  ['protocol.file.allow', 'never'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['advice.detachedHead', 'false'],
  ['i18n.logOutputEncoding', 'UTF-8'],
  ['http.lowSpeedLimit', String(GIT_LOW_SPEED_BYTES)],
  ['http.lowSpeedTime', String(GIT_LOW_SPEED_SECONDS)],
];

/** A home where nothing can be, no prompts, no configuration of machine or user, ssh that never asks. */
const CLOSED_ENVIRONMENT = {
  ...PROGRAM_ENVIRONMENT,
  HOME: '/dev/null',
  XDG_CONFIG_HOME: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_NO_LAZY_FETCH: '1',
  // Set, even to nothing, it wins over core.gitProxy, which a repository may set.
  GIT_PROXY_COMMAND: '',
  GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes -o UserKnownHostsFile=/dev/null',
} as const;

/**
 * Git that does not outlive us. A clone that fails removes what lies in its folder, so one left behind by a killed
 * daemon could wipe the content that the next one has set up there. The standard input is a pipe that we never
 * write to: when we are gone it ends, and a second process, which waits for that, kills the group.
 */
const WITH_LIFELINE =
  'exec 9<&0; { cat <&9; kill -KILL 0; } 3<&- >/dev/null 2>&1 & exec git "$@" </dev/null 9<&-';
/** Git overwrites its progress in place. */
const LINE_ENDS = [0x0a, 0x0d];
/** What sh says of a program that is not there (POSIX, "Exit Status for Commands"). */
const NOT_FOUND = 127;

/** Runs git to its end. Fails only when it cannot be started, is ended by a signal, or the caller aborts. */
export async function runGit(world: World, command: GitCommand): Promise<GitOutcome> {
  let output = '';
  const isLfs = command.args[0] === 'lfs';
  const outcome = await streamGit(world, command, async (stdout) => {
    for await (const chunk of stdout) {
      if (isLfs) tellProgress(chunk.toString('utf8'), command);
      if (output.length < GIT_OUTPUT_BYTES_MAX) output += chunk.toString('utf8');
    }
  });
  const isCut = output.length >= GIT_OUTPUT_BYTES_MAX;
  return { ...outcome, output: output.slice(0, GIT_OUTPUT_BYTES_MAX), isCut };
}

/** Unlike git, git-lfs tells its progress on the standard output. */
function tellProgress(text: string, { onProgress }: GitCommand): void {
  for (const line of text.split('\r')) {
    const progress = gitProgressIn(line);
    if (progress !== undefined) onProgress?.(progress);
  }
}

/** The same, with its output read by `read` while it runs. */
export async function streamGit(
  world: World,
  command: GitCommand,
  read: (stdout: Readable) => Promise<void>,
): Promise<Omit<GitOutcome, 'output' | 'isCut'>> {
  const { signal } = command;
  signal.throwIfAborted();
  const { GIT_SSL_CAINFO: file, GIT_SSL_CAPATH: folder } = command.environment ?? {};
  const readable = [
    ...(file === undefined ? [] : [dirname(file)]),
    ...(folder === undefined ? [] : [folder]),
  ];
  const git = world.processes.start(
    await confine(world, processOf(command), { writable: command.root, readable }),
  );
  const tail = new Tail();
  const complain = async () => {
    for await (const line of recordsOf(git.stderr, LINE_ENDS)) {
      const progress = gitProgressIn(line);
      if (progress === undefined) tail.add(line);
      else command.onProgress?.(progress);
    }
  };
  const [reading] = await Promise.allSettled([read(git.stdout), complain()]);
  if (reading.status === 'rejected') git.kill('SIGKILL');
  const exit = await git.exit;
  signal.throwIfAborted();
  if (reading.status === 'rejected') throw reading.reason;
  const unstarted = notStarted('git', exit);
  if (unstarted !== undefined) throw unstarted;
  if (exit.kind === 'code' && exit.code === NOT_FOUND) {
    throw new StewardError('missing-tool', 'git is not installed');
  }
  if (exit.kind !== 'code') throw new StewardError('git-failed', `git ${describeExit(exit)}`);
  const { lacksMemory, lacksRoom } = tail;
  return { code: exit.code, complaint: tail.toString(), lacksMemory, lacksRoom };
}

function processOf(command: GitCommand): ProcessCommand {
  const { user, signal, pipes } = command;
  const options = optionsOf([...CLOSED_SETTINGS, ...(command.settings ?? [])]);
  return {
    program: 'sh',
    args: ['-c', WITH_LIFELINE, 'git', ...options, ...command.args],
    env: { ...CLOSED_ENVIRONMENT, ...command.environment },
    cwd: command.folder,
    input: new PassThrough(),
    signal,
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    ...(pipes === undefined ? {} : { pipes }),
  };
}

function optionsOf(settings: readonly GitSetting[]): string[] {
  return settings.flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}
