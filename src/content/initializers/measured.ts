import type { StepMetric } from '../../../machines/content-types.js';
import type { InitializeContext } from './plan.js';

/**
 * Runs a step and says how long it took and by how much it made the disk of the content fuller (as others who use
 * the same disk see it too). Never negative: what shrank, or could not be measured, counts as nothing.
 */
export async function measured<Result>(
  context: Pick<InitializeContext, 'folder' | 'world'>,
  type: string,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly metric: StepMetric }> {
  const { clock } = context.world;
  const start = clock.monotonic();
  const before = await usedBytes(context);
  const result = await work();
  const after = await usedBytes(context);
  const grown = before === undefined || after === undefined ? 0 : Math.max(0, after - before);
  return { result, metric: { type, durationMs: clock.monotonic() - start, sizeBytes: grown } };
}

async function usedBytes({
  folder,
  world,
}: Pick<InitializeContext, 'folder' | 'world'>): Promise<number | undefined> {
  try {
    const { freeBytes, totalBytes } = await world.files.space(folder);
    return totalBytes - freeBytes;
  } catch {
    return undefined;
  }
}
