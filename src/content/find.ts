import type { Readable } from 'node:stream';
import { StewardError } from '../errors/steward-error.js';
import type { ProcessExit } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { recordsOf, Tail } from './lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';

/** How a look at a folder ended. */
export interface Found {
  readonly exit: ProcessExit;
  /** What find complained about; empty when it did not. */
  readonly complaint: string;
  /** Whether all it complained about is that folders went while it looked, which it tells even when told not to. */
  readonly missesOnlyVanished: boolean;
}

/** Runs find(1) in a folder; `read` gets what it says. */
export async function find(
  world: World,
  folder: string,
  args: readonly string[],
  signal: AbortSignal,
  read: (stdout: Readable) => Promise<void>,
): Promise<Found> {
  const program = 'find';
  const running = world.processes.start({ program, args, env: PROGRAM_ENVIRONMENT, cwd: folder, signal });
  const complaint = new Tail();
  let hasOthers = false;
  const listening = (async () => {
    for await (const line of recordsOf(running.stderr)) {
      complaint.add(line);
      hasOthers ||= !line.endsWith(': No such file or directory');
    }
  })();
  // What goes wrong with both is told once.
  listening.catch(() => undefined);
  try {
    await read(running.stdout);
    await listening;
  } catch (error) {
    running.kill('SIGKILL');
    await running.exit;
    signal.throwIfAborted();
    throw error;
  }
  const exit = await running.exit;
  signal.throwIfAborted();
  const hasEnded = exit.kind === 'code' && exit.code === 1;
  const why = complaint.toString();
  return { exit, complaint: why, missesOnlyVanished: hasEnded && why !== '' && !hasOthers };
}

/** Fails with `backup-failed` when a part of the folder could not be looked at. */
export function requireWhole({ exit, complaint }: Found): void {
  if (exit.kind === 'code' && exit.code === 0) return;
  throw notStarted('find', exit) ?? incomplete(complaint || `find ${describeExit(exit)}`);
}

export function incomplete(why: string): StewardError {
  return new StewardError('backup-failed', `the content could not be looked at completely: ${why}`);
}
