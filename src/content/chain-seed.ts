import type { InstanceId } from '../../machines/ids.js';
import { sleep } from '../gateways/clock.js';
import { withDeadline } from '../gateways/deadline.js';
import type { World } from '../gateways/world.js';
import { listen } from './archive.js';
import type { WorkOptions } from './archive-objects.js';
import { CHAIN_SETTLE_MS, SEED_DEADLINE_MS } from './bounds.js';
import { beginning, type ChainFolder, isAtRest } from './chain.js';
import type { Exclude } from './exclude.js';
import { excludesOf } from './exclude-file.js';
import type { BackupManifest } from './manifest.js';
import { PROGRAM_ENVIRONMENT } from './program.js';
import { surveyFolder } from './survey.js';
import { seedArguments } from './tar-arguments.js';
import { TarMessages } from './tar-messages.js';

export interface SeedOptions extends WorkOptions {
  /** Whose content it is now; the backup may be of an earlier instance. */
  readonly instance: InstanceId;
  /** Patterns of the configuration, as the backups will have them. */
  readonly excludes: readonly string[];
  readonly onWarning?: (text: string, error: unknown) => void;
}

/**
 * Lists content that was just restored from `manifest`, so that its first backup is an increment although every
 * inode and change time is new. What does not show the backup's own tree is not listed: its first backup is full.
 */
export async function seedChain(
  world: World,
  folder: string,
  chain: ChainFolder,
  manifest: BackupManifest,
  options: SeedOptions,
): Promise<boolean> {
  const { instance } = options;
  return withDeadline(world.clock, SEED_DEADLINE_MS, 'the listing', options.signal, async (signal) => {
    await sleep(world.clock, CHAIN_SETTLE_MS, signal);
    const begun = beginning(world);
    const excludes = await excludesOf(world, folder, options.excludes, signal, () => undefined);
    await chain.prepare();
    if (!(await list(world, folder, chain.next, excludes, signal))) return false;
    const survey = await surveyFolder(world, folder, excludes, signal);
    const { tree } = manifest;
    const isRestored = tree?.isExact === true && survey.treeDigest === tree.digest;
    if (!isRestored || !(await isAtRest(world, folder, survey, begun))) return false;
    const links = { manifest, instance, beginning: begun, excludes, survey, isAtRest: true };
    await chain.advance({ ...links, kind: 'restored' }, signal);
    return true;
  });
}

async function list(
  world: World,
  folder: string,
  listing: string,
  excludes: readonly Exclude[],
  signal: AbortSignal,
): Promise<boolean> {
  const tar = world.processes.start({
    program: 'tar',
    args: seedArguments(folder, listing, excludes),
    env: PROGRAM_ENVIRONMENT,
    signal,
  });
  tar.stdout.resume();
  await listen(tar, new TarMessages());
  const exit = await tar.exit;
  signal.throwIfAborted();
  return exit.kind === 'code' && exit.code === 0;
}
