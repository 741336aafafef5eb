import type { World } from '../gateways/world.js';
import type { Exclude } from './exclude.js';
import { find, requireWhole } from './find.js';
import { touchedArguments } from './find-arguments.js';

/**
 * Whether no entry has a change time later than `sinceMs` (since the epoch): a fraction of the cost of a survey,
 * because nothing is said of what was not touched. What goes or comes moves the times of its folder.
 */
export async function isUntouched(
  world: World,
  folder: string,
  excludes: readonly Exclude[],
  sinceMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  let isTouched = false;
  const found = await find(world, folder, touchedArguments(excludes, sinceMs), signal, async (stdout) => {
    for await (const chunk of stdout) isTouched ||= chunk.length > 0;
  });
  if (isTouched || found.missesOnlyVanished) return false;
  requireWhole(found);
  return true;
}
