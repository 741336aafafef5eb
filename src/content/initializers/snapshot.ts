import type { SnapshotInitializer } from '../../gen/content-service-api/initializer.js';
import { checkedSnapshotUrl, restoreSnapshot } from '../snapshots.js';
import { measured } from './measured.js';
import type { InitializeContext, Initialized, InitializerPlan } from './plan.js';

/** A snapshot or one version of a backup, of whatever workspace, by its `object@bucket`. */
export function planSnapshot(input: SnapshotInitializer, place: string): InitializerPlan {
  if (!input.fromVolumeSnapshot) checkedSnapshotUrl(input.snapshot, `${place}.snapshot.snapshot`);
  return {
    kind: 'snapshot',
    description: input.fromVolumeSnapshot ? 'a volume' : `snapshot ${input.snapshot}`,
    checkoutLocations: [],
    run: (context) => run(input, context),
  };
}

async function run(input: SnapshotInitializer, context: InitializeContext): Promise<Initialized> {
  if (input.fromVolumeSnapshot) return { source: 'from-backup', metrics: [], warnings: [] };
  const { metric } = await measured(context, 'snapshot', () => restoreInto(context, input.snapshot));
  return { source: 'from-backup', metrics: [metric], warnings: [] };
}

/** Fills the empty folder from a snapshot, sharing what the node has unpacked already where it can. */
export async function restoreInto(context: InitializeContext, url: string): Promise<void> {
  const unpack = async (into: string, signal: AbortSignal) => {
    await restoreSnapshot(context, url, into, { ...context, signal });
  };
  if (context.layers === undefined) await unpack(context.folder, context.signal);
  else await context.layers.populate(url, context.folder, unpack, context.signal);
}
