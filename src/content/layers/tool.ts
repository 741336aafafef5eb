import type { Readable } from 'node:stream';
import { StewardError } from '../../errors/steward-error.js';
import { withDeadline } from '../../gateways/deadline.js';
import type { World } from '../../gateways/world.js';
import { recordsOf, Tail } from '../lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from '../program.js';

export interface ToolOptions {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  readonly input?: Readable;
}

/**
 * Runs a program to its end; fails with `process-failed` and what it complained of, or `disk-full`. A program that
 * the kernel does not let go (mount on a dead disk) is left behind when the time is over: nobody waits for it.
 */
export async function runTool(
  world: World,
  program: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<void> {
  const { signal: outer, deadlineMs, input } = options;
  await withDeadline(world.clock, deadlineMs, `${program} ${args[0] ?? ''}`, outer, async (signal) => {
    const ended = run(world, program, args, signal, input);
    ended.catch(() => undefined);
    await Promise.race([ended, aborted(signal)]);
  });
}

async function run(
  world: World,
  program: string,
  args: readonly string[],
  signal: AbortSignal,
  input: Readable | undefined,
): Promise<void> {
  const running = world.processes.start({
    program,
    args,
    env: PROGRAM_ENVIRONMENT,
    signal,
    ...(input === undefined ? {} : { input }),
  });
  running.stdout.resume();
  const complaint = new Tail();
  for await (const line of recordsOf(running.stderr)) complaint.add(line);
  const exit = await running.exit;
  signal.throwIfAborted();
  if (exit.kind === 'code' && exit.code === 0) return;
  const why = complaint.toString() || describeExit(exit);
  if (complaint.lacksRoom) {
    throw new StewardError('disk-full', `the disk of the layers or the content is full: ${why}`);
  }
  throw notStarted(program, exit) ?? new StewardError('process-failed', `${program}: ${why}`);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
