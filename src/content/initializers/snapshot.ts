import type { SnapshotInitializer } from '../../gen/content-service-api/initializer.js';
import { checkedSnapshotUrl, restoreSnapshot } from '../snapshots.js';
import type { InitializeContext, Initialized, InitializerPlan } from './plan.js';

/** A snapshot, of whatever workspace, by its `object@bucket`. */
export function planSnapshot(input: SnapshotInitializer): InitializerPlan {
  if (!input.fromVolumeSnapshot) checkedSnapshotUrl(input.snapshot, 'initializer.snapshot.snapshot');
  return {
    kind: 'snapshot',
    description: input.fromVolumeSnapshot ? 'a volume' : `snapshot ${input.snapshot}`,
    run: (context) => run(input, context),
  };
}

async function run(input: SnapshotInitializer, context: InitializeContext): Promise<Initialized> {
  if (input.fromVolumeSnapshot) return { source: 'from-backup', metrics: [], warnings: [] };
  const { clock } = context.world;
  const start = clock.monotonic();
  const sizeBytes = await restoreSnapshot(context, input.snapshot, context.folder, context);
  const durationMs = clock.monotonic() - start;
  return { source: 'from-backup', metrics: [{ type: 'snapshot', durationMs, sizeBytes }], warnings: [] };
}
