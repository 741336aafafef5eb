import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { Files } from '../gateways/files.js';
import type { ProcessCommand, ProcessExit } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { confine } from '../isolation/confine.js';
import { PRE_STOP_LINE_BYTES, PRE_STOP_OUTPUT_BYTES } from './bounds.js';
import { recordsOf } from './lines.js';
import { PROGRAM_ENVIRONMENT } from './program.js';
import type { ContentUser } from './user.js';

/** The workspace's own program that runs before its content is saved for the last time. */
export const PRE_STOP = '.steward/pre-stop';

export interface PreStopOptions {
  readonly user: ContentUser | undefined;
  /** How long it may run; 0: it is not run at all. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Gets what it says, line by line, until that is too much. */
  readonly onOutput?: (line: string) => void;
}

export interface PreStopOutcome {
  readonly outcome: 'absent' | 'succeeded' | 'failed' | 'timed-out';
  /** Absent unless the program ended by itself. */
  readonly exitCode?: number;
  readonly durationMs: number;
}

const EXECUTABLE = 0o111;

/**
 * Runs `.steward/pre-stop` of a content folder, when it is an executable file and not a link: as the content's
 * user, in the content folder, confined to it where the machine can, with an environment that holds nothing of
 * ours. All it started ends with it. How it went never fails a step; only an aborted signal rejects.
 */
export async function runPreStop(
  world: World,
  folder: string,
  options: PreStopOptions,
): Promise<PreStopOutcome> {
  const { clock } = world;
  const isThere = options.timeoutMs > 0 && (await hasProgram(world.files, folder));
  options.signal.throwIfAborted();
  if (!isThere) return { outcome: 'absent', durationMs: 0 };
  const start = clock.monotonic();
  const running = new AbortController();
  const onAbort = () => running.abort(options.signal.reason);
  options.signal.addEventListener('abort', onAbort, { once: true });
  let isOverdue = false;
  const waiting = new AbortController();
  const deadline = sleep(clock, options.timeoutMs, waiting.signal).then(() => {
    isOverdue = true;
    running.abort(new Error('its time is over'));
  });
  deadline.catch(() => undefined);
  try {
    const exit = await run(world, folder, options, running.signal);
    options.signal.throwIfAborted();
    return { ...outcomeOf(exit, isOverdue), durationMs: Math.round(clock.monotonic() - start) };
  } finally {
    waiting.abort();
    options.signal.removeEventListener('abort', onAbort);
  }
}

/**
 * The content is not ours: neither the folder nor the program may be a link that leads elsewhere. Fails with
 * `backup-failed` when the disk does not tell: what cannot be looked at cannot be saved either.
 */
async function hasProgram(files: Files, folder: string): Promise<boolean> {
  try {
    if ((await files.stat(join(folder, '.steward')))?.kind !== 'directory') return false;
    const program = await files.stat(join(folder, PRE_STOP));
    return program?.kind === 'file' && (program.mode & EXECUTABLE) !== 0;
  } catch (error) {
    const { code, message } = toStewardError(error, 'backup-failed');
    const text = `the disk does not tell whether there is a ${PRE_STOP}: ${message}`;
    throw new StewardError(code, text, { cause: error });
  }
}

async function run(
  world: World,
  folder: string,
  { user, onOutput }: PreStopOptions,
  signal: AbortSignal,
): Promise<ProcessExit> {
  const command: ProcessCommand = {
    program: join(folder, PRE_STOP),
    args: [],
    env: { ...PROGRAM_ENVIRONMENT, HOME: folder, PWD: folder },
    cwd: folder,
    signal,
    ...(user ?? {}),
  };
  const running = world.processes.start(await confine(world, command, { writable: folder }));
  const output = new Output(onOutput);
  const drained = [output.drain(running.stdout), output.drain(running.stderr)];
  const exit = await running.exit;
  await Promise.all(drained);
  return exit;
}

function outcomeOf(exit: ProcessExit, isOverdue: boolean): Omit<PreStopOutcome, 'durationMs'> {
  if (exit.kind === 'code') {
    return { outcome: exit.code === 0 ? 'succeeded' : 'failed', exitCode: exit.code };
  }
  return { outcome: isOverdue ? 'timed-out' : 'failed' };
}

/** All of it is read, so that nobody blocks on a full pipe, and only so much is told. */
class Output {
  readonly #onOutput: ((line: string) => void) | undefined;
  #left = PRE_STOP_OUTPUT_BYTES;

  constructor(onOutput: ((line: string) => void) | undefined) {
    this.#onOutput = onOutput;
  }

  async drain(stream: Readable): Promise<void> {
    for await (const line of recordsOf(stream, undefined, PRE_STOP_LINE_BYTES)) {
      if (this.#left <= 0) continue;
      this.#left -= Buffer.byteLength(line) + 1;
      this.#onOutput?.(line);
      if (this.#left <= 0) this.#onOutput?.('… more than is kept');
    }
  }
}
