import { PassThrough, type Readable } from 'node:stream';
import { StewardError } from '../errors/steward-error.js';
import type { World } from '../gateways/world.js';
import { GIT_LOW_SPEED_BYTES, GIT_LOW_SPEED_SECONDS, GIT_OUTPUT_BYTES_MAX } from './bounds.js';
import { recordsOf, Tail } from './lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';
import type { ContentUser } from './user.js';

/** One git command under the closed configuration. */
export interface GitCommand {
  readonly args: readonly string[];
  readonly folder: string;
  readonly user: ContentUser | undefined;
  readonly signal: AbortSignal;
  /** After the closed configuration; no `=` in keys, no secrets in values. */
  readonly settings?: readonly GitSetting[];
  /** Beside the closed environment; not for secrets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Read by a credential helper from descriptor 3. */
  readonly pipes?: readonly Uint8Array[];
}

export type GitSetting = readonly [key: string, value: string];

export interface GitOutcome {
  readonly code: number;
  /** The first part of what it printed. */
  readonly output: string;
  /** The last lines of its messages; scrub them before anybody sees them. */
  readonly complaint: string;
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
  GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes -o UserKnownHostsFile=/dev/null',
} as const;

/**
 * Git that does not outlive us. A clone that fails removes what lies in its folder, so one left behind by a killed
 * daemon could wipe the content that the next one has set up there. The standard input is a pipe that we never
 * write to: when we are gone it ends, and a second process, which waits for that, kills the group.
 */
const WITH_LIFELINE =
  'exec 9<&0; { cat <&9; kill -KILL 0; } 3<&- >/dev/null 2>&1 & exec git "$@" </dev/null 9<&-';
/** What sh says of a program that is not there (POSIX, "Exit Status for Commands"). */
const NOT_FOUND = 127;

/** Runs git to its end. Fails only when it cannot be started, is ended by a signal, or the caller aborts. */
export async function runGit(world: World, command: GitCommand): Promise<GitOutcome> {
  let output = '';
  const outcome = await streamGit(world, command, async (stdout) => {
    for await (const chunk of stdout) {
      if (output.length < GIT_OUTPUT_BYTES_MAX) output += chunk.toString('utf8');
    }
  });
  return { ...outcome, output: output.slice(0, GIT_OUTPUT_BYTES_MAX) };
}

/** The same, with its output read by `read` while it runs. */
export async function streamGit(
  world: World,
  command: GitCommand,
  read: (stdout: Readable) => Promise<void>,
): Promise<Omit<GitOutcome, 'output'>> {
  const { user, signal, pipes } = command;
  signal.throwIfAborted();
  const git = world.processes.start({
    program: 'sh',
    args: [
      '-c',
      WITH_LIFELINE,
      'git',
      ...optionsOf([...CLOSED_SETTINGS, ...(command.settings ?? [])]),
      ...command.args,
    ],
    env: { ...CLOSED_ENVIRONMENT, ...command.environment },
    cwd: command.folder,
    input: new PassThrough(),
    signal,
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    ...(pipes === undefined ? {} : { pipes }),
  });
  const tail = new Tail();
  const complain = async () => {
    for await (const line of recordsOf(git.stderr)) tail.add(lastUpdate(line));
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
  return { code: exit.code, complaint: tail.toString() };
}

function optionsOf(settings: readonly GitSetting[]): string[] {
  return settings.flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}

/** Of a progress line that overwrites itself, what stands there in the end. */
function lastUpdate(line: string): string {
  return line.trimEnd().split('\r').at(-1) ?? '';
}
