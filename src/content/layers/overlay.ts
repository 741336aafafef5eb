import { dirname, join } from 'node:path';
import { StewardError } from '../../errors/steward-error.js';
import { sleep } from '../../gateways/clock.js';
import type { World } from '../../gateways/world.js';
import {
  LAYER_TOOL_DEADLINE_MS,
  MOUNT_ATTEMPTS_MAX,
  MOUNT_PAUSE_MS,
  STACKED_MOUNTS_MAX,
  UNMOUNT_ATTEMPTS_MAX,
  UNMOUNT_PAUSE_MS,
} from './bounds.js';
import { countOverlays } from './mount-table.js';
import { runTool } from './tool.js';

/** What an overlay consists of. */
export interface OverlayPlace {
  /** Where the content is seen: an existing folder. */
  readonly folder: string;
  /** Holds what the instance changed (`upper`) and the kernel's own (`work`); on the disk of `folder`. */
  readonly home: string;
  readonly lower: string;
}

/** Lies in the bare folder below the mount: whoever sees it does not see the content. */
const BARE_MARKER = '.steward-not-mounted';

/**
 * `index`: hard links stay links when they are written to, inodes stay the same over remounts (increments go by
 * them), and the kernel refuses a second mount of the same changes or one over another layer. `redirect_dir`: a
 * folder of the layer can be renamed. `metacopy=off`: what was touched is wholly in `upper`. `xino`: inodes are
 * unique also when the layer is on another disk.
 */
const OPTIONS = 'nodev,nosuid,index=on,redirect_dir=on,metacopy=off,xino=auto,nfs_export=off';

/** New changes above nothing: the topmost folder gets the attributes that `root` has. */
export async function makeOverlayHome(
  world: World,
  place: OverlayPlace,
  root: string,
  signal: AbortSignal,
): Promise<void> {
  const { files } = world;
  await files.remove(place.home);
  await files.makeDirectory(dirname(place.home), 0o700);
  await files.makeDirectory(place.home, 0o700);
  await files.makeDirectory(join(place.home, 'work'), 0o700);
  const args = ['-a', '--preserve=xattr', '--no-target-directory', '--', root, join(place.home, 'upper')];
  await runTool(world, 'cp', args, { signal, deadlineMs: LAYER_TOOL_DEADLINE_MS });
}

/** Mounts unless it is mounted already. The marker is on disk before, so that an empty folder never passes for content. */
export async function mountOverlay(world: World, place: OverlayPlace, signal: AbortSignal): Promise<void> {
  const { files } = world;
  const upper = join(place.home, 'upper');
  if ((await countOverlays(files, upper)) > 0) return;
  await files.makeDirectory(place.folder, 0o755);
  await files.write(join(place.folder, BARE_MARKER), 'The content is not mounted here.\n', { sync: true });
  await files.syncDirectory(place.folder);
  const layers = `lowerdir=${place.lower},upperdir=${upper},workdir=${join(place.home, 'work')}`;
  const args = ['-i', '-n', '-t', 'overlay', '-o', `${OPTIONS},${layers}`, 'steward', place.folder];
  await mount(world, args, signal);
}

/**
 * The kernel refuses changes that are mounted elsewhere (`index=on`), and a mount that was detached lives on until
 * the last who holds it lets go: it is waited for, a while.
 */
async function mount(world: World, args: readonly string[], signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await runTool(world, 'mount', args, { signal, deadlineMs: LAYER_TOOL_DEADLINE_MS });
      return;
    } catch (error) {
      const isBusy = error instanceof StewardError && /busy|already mounted/.test(error.message);
      if (!isBusy || attempt === MOUNT_ATTEMPTS_MAX) throw error;
      await sleep(world.clock, MOUNT_PAUSE_MS, signal);
    }
  }
}

/** Whether only the bare folder is seen where content should be. */
export async function isBare(world: World, folder: string): Promise<boolean> {
  return (await world.files.stat(join(folder, BARE_MARKER))) !== undefined;
}

/**
 * Takes the mount away: gently while there is hope that who holds it lets go, then by detaching it, so that those
 * who hold it keep what they see and nobody else sees it. Fine when nothing is mounted.
 */
export async function unmountOverlay(
  world: World,
  place: Pick<OverlayPlace, 'folder' | 'home'>,
  signal: AbortSignal,
): Promise<'clean' | 'detached'> {
  const upper = join(place.home, 'upper');
  const isMounted = async () => (await countOverlays(world.files, upper)) > 0;
  for (let attempt = 1; attempt <= UNMOUNT_ATTEMPTS_MAX; attempt += 1) {
    if (!(await isMounted())) return 'clean';
    if (attempt > 1) await sleep(world.clock, UNMOUNT_PAUSE_MS, signal);
    await unmount(world, [place.folder], signal).catch(() => signal.throwIfAborted());
  }
  for (let left = STACKED_MOUNTS_MAX; left > 0 && (await isMounted()); left -= 1) {
    await unmount(world, ['-l', place.folder], signal);
  }
  if (!(await isMounted())) return 'detached';
  throw new StewardError('process-failed', `the overlay on ${place.folder} cannot be unmounted`);
}

/** After an unmount: the folder is as it was before the mount. */
export async function uncover(world: World, folder: string): Promise<void> {
  await world.files.remove(join(folder, BARE_MARKER));
}

async function unmount(world: World, args: readonly string[], signal: AbortSignal): Promise<void> {
  await runTool(world, 'umount', ['-i', '-n', ...args], { signal, deadlineMs: LAYER_TOOL_DEADLINE_MS });
}
