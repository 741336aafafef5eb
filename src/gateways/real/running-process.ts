import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex, pipeline, Readable } from 'node:stream';
import { DRAIN_CHECK_MS, DRAIN_LOOKS_MAX } from '../bounds.js';
import type { KillSignal, ProcessCommand, ProcessExit, RunningProcess } from '../processes.js';

/** Starts the program, found already, as the leader of its own session and group. */
export function startProcess(command: ProcessCommand): RunningProcess {
  if (command.signal?.aborted) return notStarted(asError(command.signal.reason));
  try {
    const child = spawn(command.program, [...command.args], {
      env: { ...command.env },
      detached: true,
      stdio: [
        command.input === undefined ? 'ignore' : 'pipe',
        'pipe',
        'pipe',
        ...(command.pipes ?? []).map(() => 'pipe' as const),
      ],
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      ...(command.uid === undefined ? {} : { uid: command.uid }),
      ...(command.gid === undefined ? {} : { gid: command.gid }),
    });
    return watch(child, command);
  } catch (error) {
    return notStarted(asError(error));
  }
}

function watch(child: ChildProcess, command: ProcessCommand): RunningProcess {
  let failure: Error | undefined;
  let isEnded = false;
  const kill = (signal: KillSignal) => {
    if (!isEnded) signalGroup(child.pid, signal);
  };
  const fail = (error: Error) => {
    failure ??= error;
    kill('SIGKILL');
  };
  const onAbort = () => kill('SIGKILL');
  command.signal?.addEventListener('abort', onAbort, { once: true });
  feed(child, command, fail);

  const exit = new Promise<ProcessExit>((resolve) => {
    child.on('error', (error) => {
      failure ??= error;
      if (child.pid === undefined) resolve({ kind: 'failed', error });
    });
    child.on('exit', () => {
      signalGroup(child.pid, 'SIGKILL');
      isEnded = true;
      command.signal?.removeEventListener('abort', onAbort);
      endHeldOutput(child);
    });
    child.on('close', (code, signal) => resolve(outcome(failure, code, signal)));
  });
  return { pid: child.pid, stdout: outputOf(child.stdout), stderr: outputOf(child.stderr), exit, kill };
}

function outcome(failure: Error | undefined, code: number | null, signal: string | null): ProcessExit {
  if (failure !== undefined) return { kind: 'failed', error: failure };
  return signal === null ? { kind: 'code', code: code ?? 0 } : { kind: 'signal', signal };
}

/**
 * Gives the child its input and its one-shot data. A child that does not want all of it is fine; an input that
 * breaks off is not: the child would take what came so far for everything, so it is killed.
 */
function feed(child: ChildProcess, command: ProcessCommand, fail: (error: Error) => void): void {
  command.pipes?.forEach((data, index) => {
    const pipe = child.stdio[3 + index];
    if (!(pipe instanceof Duplex)) return;
    pipe.on('error', () => undefined);
    pipe.end(data);
    pipe.resume();
  });
  const stdin = child.stdin;
  if (stdin === null || command.input === undefined) return;
  const input = command.input;
  let isClosedByChild = false;
  const onClosed = () => {
    if (!(input instanceof Readable) || !isBrokenOff(input)) isClosedByChild = true;
  };
  stdin.on('error', onClosed).on('close', onClosed);
  if (!(input instanceof Readable)) {
    stdin.end(input);
    return;
  }
  pipeline(input, stdin, (error) => {
    if (error && !isClosedByChild) fail(error);
  });
}

function isBrokenOff(input: Readable): boolean {
  return input.errored !== null || (input.destroyed && !input.readableEnded);
}

/**
 * A process that left the group may hold the output of an ended one open for ever. Once nothing has been
 * readable for several looks in a row, such output counts as ended.
 */
function endHeldOutput(child: ChildProcess): void {
  let looks = 0;
  const timer = setInterval(() => {
    const open = child.stdio
      .filter((stream) => stream instanceof Readable)
      .filter((stream) => !stream.destroyed);
    looks = open.some((stream) => stream.readableLength > 0) ? 0 : looks + 1;
    if (open.length > 0 && looks < DRAIN_LOOKS_MAX) return;
    clearInterval(timer);
    for (const stream of open) {
      stream.once('end', () => stream.destroy());
      stream.push(null);
      stream.resume();
    }
  }, DRAIN_CHECK_MS);
  child.once('close', () => clearInterval(timer));
}

function signalGroup(pid: number | undefined, signal: KillSignal): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: everybody in it has ended, which is what was wanted.
  }
}

function notStarted(error: Error): RunningProcess {
  return {
    pid: undefined,
    stdout: Readable.from([]),
    stderr: Readable.from([]),
    exit: Promise.resolve({ kind: 'failed', error }),
    kill: () => undefined,
  };
}

function outputOf(stream: Readable | null): Readable {
  return stream ?? Readable.from([]);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
