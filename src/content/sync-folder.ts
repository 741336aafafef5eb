import { StewardError } from '../errors/steward-error.js';
import type { World } from '../gateways/world.js';
import { recordsOf, Tail } from './lines.js';
import { describeExit, notStarted, PROGRAM_ENVIRONMENT } from './program.js';

/**
 * Returns when everything below the folder would survive a power cut. One `sync -f` (coreutils) for the whole file
 * system, because Node has no syncfs(2) and syncing tens of thousands of files one by one takes minutes.
 */
export async function syncFolder(world: World, folder: string, signal: AbortSignal): Promise<void> {
  const sync = world.processes.start({
    program: 'sync',
    args: ['-f', '--', folder],
    env: PROGRAM_ENVIRONMENT,
    signal,
  });
  sync.stdout.resume();
  const complaint = new Tail();
  for await (const line of recordsOf(sync.stderr)) complaint.add(line);
  const exit = await sync.exit;
  signal.throwIfAborted();
  if (exit.kind === 'code' && exit.code === 0) return;
  const why = complaint.toString() || `sync ${describeExit(exit)}`;
  throw (
    notStarted('sync', exit) ??
    new StewardError('content-initialization-failed', `the content could not be made durable: ${why}`)
  );
}
