import type { ChildContext, StartResult, WorkerSpec } from './spec.js';

/**
 * A worker's `start` that comes back from its record. The first run of a tree starts clean (`restore` is
 * undefined); each later one gets what `recover` reads. A failing `recover` is a failed start, so it
 * counts and is tried again. Without this a child restarts clean.
 */
export function restartFrom<Restore>(
  recover: (context: ChildContext) => Promise<Restore> | Restore,
  start: (context: ChildContext, restore: Restore | undefined) => Promise<StartResult> | StartResult,
): WorkerSpec['start'] {
  return async (context) => {
    const restore = context.previous === undefined ? undefined : await recover(context);
    return start(context, restore);
  };
}
