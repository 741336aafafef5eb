import { PassThrough, Readable, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Clock, sleep } from '../clock.js';
import type {
  DetachedCommand,
  KillSignal,
  ProcessCommand,
  ProcessExit,
  RunningProcess,
} from '../processes.js';
import type { SimulatedFiles } from './files.js';
import type { ProcessFault } from './process-faults.js';

/** What a simulated program gets; it ends with its exit code and should stop when `signal` aborts. */
export interface ProgramContext {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly pipes: readonly Uint8Array[];
  readonly files: SimulatedFiles;
  readonly clock: Clock;
  /** Aborts when the process is killed. */
  readonly signal: AbortSignal;
}

export type SimulatedProgram = (context: ProgramContext) => Promise<number>;

export interface ProgramRun {
  readonly program: SimulatedProgram;
  readonly command: ProcessCommand | DetachedCommand;
  readonly pid: number;
  readonly files: SimulatedFiles;
  readonly clock: Clock;
  readonly fault: ProcessFault | undefined;
}

/** Runs a program. A kill ends it for whoever watches, whatever its function still does. */
export function runProgram(run: ProgramRun): RunningProcess {
  const { command } = run;
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const killing = new AbortController();
  let end: (exit: ProcessExit) => void = () => undefined;
  const ended = new Promise<ProcessExit>((resolve) => {
    end = resolve;
  });
  const kill = (signal: KillSignal) => {
    end({ kind: 'signal', signal });
    killing.abort(new Error(signal));
  };
  const onAbort = () => kill('SIGKILL');
  const signal = 'signal' in command ? command.signal : undefined;
  signal?.addEventListener('abort', onAbort, { once: true });
  const stdin = inputOf(command);
  stdin.on('error', (error) => {
    end({ kind: 'failed', error });
    killing.abort(error);
  });
  const context: ProgramContext = {
    args: command.args,
    env: command.env,
    cwd: command.cwd ?? '/',
    stdin,
    stdout,
    stderr,
    pipes: 'pipes' in command ? (command.pipes ?? []) : [],
    files: run.files.ofChild(killing.signal),
    clock: run.clock,
    signal: killing.signal,
  };
  void perform(run, context).then((exit) => {
    end(exit);
    killing.abort(new Error('the process has ended'));
  });
  const exit = ended.then(async (result) => {
    signal?.removeEventListener('abort', onAbort);
    if (result.kind !== 'failed') stdin.destroy();
    await Promise.all([drained(stdout), drained(stderr)]);
    return result;
  });
  return { pid: run.pid, stdout, stderr, exit, kill };
}

async function perform(run: ProgramRun, context: ProgramContext): Promise<ProcessExit> {
  try {
    switch (run.fault?.kind) {
      case 'hangs':
        return await new Promise<ProcessExit>(() => undefined);
      case 'dies':
        void run.program(context).catch(() => undefined);
        await sleep(run.clock, run.fault.afterMs, context.signal);
        return { kind: 'signal', signal: 'SIGKILL' };
      case 'garbage':
        context.stdout.write(run.fault.output);
        return { kind: 'code', code: run.fault.code };
      case 'slow':
        await sleep(run.clock, run.fault.latencyMs, context.signal);
    }
    return { kind: 'code', code: await run.program(context) };
  } catch (error) {
    if (context.stderr.writable) context.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return { kind: 'code', code: 1 };
  }
}

function inputOf(command: ProcessCommand | DetachedCommand): Readable {
  const input = 'input' in command ? command.input : undefined;
  if (input === undefined) return Readable.from([]);
  return input instanceof Readable ? input : Readable.from([Buffer.from(input)]);
}

/** What nobody reads is thrown away, as a pipe's content is when its reader has gone. */
async function drained(output: PassThrough): Promise<void> {
  output.end();
  if (output.readableFlowing === null && output.listenerCount('readable') === 0) output.resume();
  await finished(output, { writable: false }).catch(() => undefined);
}
