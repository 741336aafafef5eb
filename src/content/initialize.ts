import { join } from 'node:path';
import type { SetupResult } from '../../machines/content-types.js';
import type { World } from '../gateways/world.js';
import type { BackupRepository } from './backups.js';
import { CHECKOUT_CHARACTERS_MAX, CHECKOUTS_MAX } from './initializers/bounds.js';
import type { InitializeContext, Initialized, InitializerPlan } from './initializers/plan.js';
import { digestOf } from './manifest.js';
import { syncFolder } from './sync-folder.js';

export interface InitializeOptions {
  /** Asked for in so many words: the workspace's committed backup is passed over (and kept). */
  readonly isFreshStart: boolean;
}

/**
 * Fills an empty folder. A workspace that has a committed backup, or a newer `full.tar` that others wrote, gets it
 * back whatever its initializer says; one
 * whose newest manifest cannot be read fails with `manifest-unreadable` rather than start from nothing. What it
 * returns from is on disk: after a power cut, half of the content must not pass for all of it in the next backup.
 */
export async function initialize(
  plan: InitializerPlan,
  context: InitializeContext,
  options: InitializeOptions,
): Promise<SetupResult> {
  const done =
    (context.backups !== undefined && !options.isFreshStart
      ? await restoreLatest(context.backups, context)
      : undefined) ?? (await plan.run(context));
  const moved = await moveConfigurationAside(context.world, context.folder);
  await syncFolder(context.world, context.folder, context.signal);
  const [checkoutLocation, ...further] = plan.checkoutLocations.slice(0, CHECKOUTS_MAX);
  // They become part of a record, which has a limit.
  const otherCheckouts = further.filter(({ length }) => length <= CHECKOUT_CHARACTERS_MAX);
  return {
    ...done,
    warnings: [...done.warnings, ...moved],
    ...(checkoutLocation === undefined ? {} : { checkoutLocation }),
    ...(otherCheckouts.length === 0 ? {} : { otherCheckouts }),
  };
}

async function restoreLatest(
  backups: BackupRepository,
  context: InitializeContext,
): Promise<Initialized | undefined> {
  const { clock } = context.world;
  const start = clock.monotonic();
  const manifest = await backups.latest(context.signal);
  const foreign = await context.fullTar?.newerThan(manifest, context.signal);
  if (foreign !== undefined) {
    await context.fullTar?.restore(context.folder, context);
    const metric = {
      type: 'fromBackup',
      durationMs: clock.monotonic() - start,
      sizeBytes: foreign.sizeBytes,
    };
    return { source: 'from-backup', metrics: [metric], warnings: [] };
  }
  if (manifest === undefined) return undefined;
  // One's own work comes back whole, also where the quota has become smaller since.
  await backups.restore(manifest, context.folder, { ...context, quotaBytes: 0 });
  const durationMs = clock.monotonic() - start;
  const { torn } = manifest;
  const { sizeBytes } = digestOf(manifest);
  const warnings =
    torn.count === 0
      ? []
      : [
          `${torn.count} files were being written while backed up, and end in zeros: ${torn.names.join(', ')}`,
        ];
  const metrics = [{ type: 'fromBackup', durationMs, sizeBytes }];
  return { source: 'from-backup', restoredGeneration: manifest.generation, metrics, warnings };
}

/**
 * `.gitpod` is the folder of our marker: anything else of that name gives way, usually a configuration under its
 * old name. Nothing is deleted.
 */
async function moveConfigurationAside(world: World, folder: string): Promise<readonly string[]> {
  const { files, clock } = world;
  const found = await files.stat(join(folder, '.gitpod'));
  if (found === undefined || found.kind === 'directory') return [];
  const isTaken = (await files.stat(join(folder, '.gitpod.yaml'))) !== undefined;
  const name = isTaken ? `.gitpod.moved-${clock.now()}` : '.gitpod.yaml';
  await files.rename(join(folder, '.gitpod'), join(folder, name));
  return [`.gitpod was in the way of the folder of that name and is now ${name}`];
}
