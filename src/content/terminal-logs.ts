import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { Files } from '../gateways/files.js';
import type { ProcessCommand, Processes } from '../gateways/processes.js';
import { confine } from '../isolation/confine.js';
import type { ObjectName } from '../storage/object-storage.js';
import type { ArchivePlace } from './archive-objects.js';
import {
  LOG_ATTEMPTS_MAX,
  LOG_BLOCK_BYTES,
  LOG_BYTES_MAX,
  LOG_PAUSE_MAX_MS,
  LOG_PAUSE_MIN_MS,
  LOGS_MAX,
} from './bounds.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';

export interface LogsOrigin {
  readonly owner: OwnerId;
  readonly workspace: WorkspaceId;
  readonly instance: InstanceId;
}

export interface TerminalLog {
  readonly task: string;
  /** Below the content folder. */
  readonly path: string;
  readonly sizeBytes: number;
}

export interface UploadLogsOptions {
  readonly signal: AbortSignal;
  /** Told of each log that is stored only in part, or not at all. */
  readonly onWarning?: (text: string, error?: unknown) => void;
}

/** Where terminals of a workspace without anybody at them write, newest convention first (content spec 4.3). */
const PLACES = [
  { folder: '', prefix: 'prebuild-log-' },
  { folder: '.gitpod', prefix: 'prebuild-log-' },
  { folder: '', prefix: '.prebuild-log-' },
] as const;

/** A task becomes part of an object's name. */
const TASK = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Where the log of one task of an instance is stored. */
export function logObject({ owner, workspace, instance }: LogsOrigin, task: string): ObjectName {
  return `${owner}/workspaces/${workspace}/instances/${instance}/logs/${task}`;
}

/**
 * Stores what the terminals said, the end of it when it is too much, and answers with the tasks. A later call for
 * the same instance replaces what an earlier one stored. Every log is tried; fails with the last failure when one
 * could not be stored.
 */
export async function uploadLogs(
  place: ArchivePlace,
  folder: string,
  origin: LogsOrigin,
  options: UploadLogsOptions,
): Promise<readonly string[]> {
  const { logs, leftOut } = await terminalLogs(place.world.files, folder);
  if (leftOut > 0) options.onWarning?.(`${leftOut} terminal logs beyond ${LOGS_MAX} are not stored`);
  const stored: string[] = [];
  let failure: unknown;
  for (const log of logs) {
    try {
      await uploadPersistently(place, folder, log, logObject(origin, log.task), options);
      stored.push(log.task);
    } catch (error) {
      options.signal.throwIfAborted();
      options.onWarning?.(`${log.path} could not be stored`, error);
      failure = error;
    }
  }
  if (failure !== undefined) throw toStewardError(failure, 'storage-unavailable');
  return stored;
}

/** Sorted by task, at most LOGS_MAX, and how many more there are. */
export interface TerminalLogs {
  readonly logs: readonly TerminalLog[];
  readonly leftOut: number;
}

/** The logs of the first place that has any. Links lead elsewhere and are no logs. */
export async function terminalLogs(files: Files, folder: string): Promise<TerminalLogs> {
  for (const { folder: below, prefix } of PLACES) {
    if ((await files.stat(join(folder, below)))?.kind !== 'directory') continue;
    const { tasks, count } = await firstTasks(files, join(folder, below), prefix);
    if (count === 0) continue;
    const logs: TerminalLog[] = [];
    for (const task of tasks) {
      const path = join(below, `${prefix}${task}`);
      const sizeBytes = (await files.stat(join(folder, path)))?.sizeBytes ?? 0;
      logs.push({ task, path, sizeBytes });
    }
    return { logs, leftOut: count - tasks.length };
  }
  return { logs: [], leftOut: 0 };
}

/** The first ones in the order of their names: a workspace may have made any number of them. */
async function firstTasks(files: Files, folder: string, prefix: string) {
  let tasks: string[] = [];
  let count = 0;
  for await (const { name, kind } of files.entries(folder)) {
    const task = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (kind !== 'file' || !TASK.test(task) || task.includes('..')) continue;
    count += 1;
    tasks.push(task);
    if (tasks.length >= 2 * LOGS_MAX) tasks = tasks.sort().slice(0, LOGS_MAX);
  }
  return { tasks: tasks.sort().slice(0, LOGS_MAX), count };
}

async function uploadPersistently(
  place: ArchivePlace,
  folder: string,
  log: TerminalLog,
  object: ObjectName,
  options: UploadLogsOptions,
): Promise<void> {
  const { clock, random } = place.world;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await upload(place, folder, log, object, options);
      return;
    } catch (error) {
      options.signal.throwIfAborted();
      if (attempt >= LOG_ATTEMPTS_MAX || !toStewardError(error, 'unavailable').entry.retryable) throw error;
      const pauseMs = Math.min(LOG_PAUSE_MIN_MS * 2 ** (attempt - 1), LOG_PAUSE_MAX_MS);
      await sleep(clock, pauseMs * (0.5 + random.fraction() / 2), options.signal);
    }
  }
}

/**
 * Read as the content's user and without following links: what is there may be swapped for something else at any
 * moment by whatever still runs inside, and must not lead to a file that only we can read.
 */
async function upload(
  { world, storage, user }: ArchivePlace,
  folder: string,
  { path, sizeBytes }: TerminalLog,
  object: ObjectName,
  { signal, onWarning }: UploadLogsOptions,
): Promise<void> {
  const skip = Math.max(0, sizeBytes - LOG_BYTES_MAX);
  if (skip > 0) onWarning?.(`${path}: the first ${skip} bytes are left out`);
  const amount = [`skip=${skip}`, `count=${LOG_BYTES_MAX}`, `bs=${LOG_BLOCK_BYTES}`];
  const command: ProcessCommand = {
    program: 'dd',
    args: [
      `if=${join(folder, path)}`,
      'iflag=nofollow,nonblock,fullblock,skip_bytes,count_bytes',
      ...amount,
      'status=none',
    ],
    env: { ...PROGRAM_ENVIRONMENT },
    cwd: folder,
    signal,
    ...(user ?? {}),
  };
  const confined = await confine(world, command, { writable: folder });
  const body = Readable.from(wholeOutput(world.processes, confined, path));
  await storage.replace(object, body, { signal, contentType: 'text/plain' });
}

/**
 * Begins when it is read: what a program says before anybody listens is lost. Breaks off when the program fails,
 * so that half a log never takes the place of a whole one.
 */
async function* wholeOutput(
  processes: Processes,
  command: ProcessCommand,
  path: string,
): AsyncGenerator<Buffer> {
  const reading = processes.start(command);
  reading.stderr.resume();
  try {
    yield* reading.stdout;
    const exit = await reading.exit;
    if (exit.kind === 'code' && exit.code === 0) return;
    const why = `${path} could not be read: dd ${describeExit(exit)}`;
    throw notStarted('dd', exit) ?? new StewardError('process-failed', why);
  } finally {
    reading.kill('SIGKILL');
  }
}
