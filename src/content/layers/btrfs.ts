import type { World } from '../../gateways/world.js';
import { LAYER_COPY_DEADLINE_MS, LAYER_TOOL_DEADLINE_MS } from './bounds.js';
import { runTool } from './tool.js';

/** The root of a btrfs subvolume has this inode (BTRFS_FIRST_FREE_OBJECTID); elsewhere it is as good as never used. */
const SUBVOLUME_INODE = 256n;

export async function createSubvolume(world: World, path: string, signal: AbortSignal): Promise<void> {
  await btrfs(world, ['subvolume', 'create', path], signal);
}

/** A writable one at `to`, where nothing may be yet; takes the same time whatever is in it. */
export async function cloneSubvolume(
  world: World,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  await btrfs(world, ['subvolume', 'snapshot', from, to], signal);
}

/** From now on not even root writes into it by mistake. */
export async function makeReadOnly(world: World, path: string, signal: AbortSignal): Promise<void> {
  await btrfs(world, ['property', 'set', '-ts', path, 'ro', 'true'], signal);
}

/** Removes a subvolume as a whole; answers false, doing nothing, for what is none. */
export async function deleteSubvolume(world: World, path: string, signal: AbortSignal): Promise<boolean> {
  const stat = await world.files.stat(path);
  if (stat?.kind !== 'directory' || stat.inode !== SUBVOLUME_INODE) return false;
  if ((await world.processes.find('btrfs')) === undefined) return false;
  await runTool(world, 'btrfs', ['subvolume', 'delete', '--commit-after', path], {
    signal,
    deadlineMs: LAYER_COPY_DEADLINE_MS,
  });
  return true;
}

async function btrfs(world: World, args: readonly string[], signal: AbortSignal): Promise<void> {
  await runTool(world, 'btrfs', args, { signal, deadlineMs: LAYER_TOOL_DEADLINE_MS });
}
