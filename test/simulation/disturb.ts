import { DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import type { FileFault } from '../../src/gateways/simulated/file-faults.js';
import { Callers } from './calls.js';
import { finish } from './rest.js';
import { type Crash, Run } from './run.js';
import type { Scene } from './scenes.js';
import { limitsOf } from './settings.js';

/** What happens at the n-th operation of a scene. */
export type Disturbance =
  | { readonly kind: 'crash'; readonly crash: Crash }
  | { readonly kind: 'fault'; readonly fault: FileFault };

export const DISTURBANCES: Readonly<Record<string, Disturbance>> = {
  'a kill': { kind: 'crash', crash: 'kill' },
  'a power cut': { kind: 'crash', crash: 'power-cut' },
  'an I/O error': { kind: 'fault', fault: { code: 'EIO' } },
  'an I/O error after all was done': { kind: 'fault', fault: { code: 'EIO', isDoneAnyway: true } },
  'a full disk': { kind: 'fault', fault: { code: 'ENOSPC' } },
};

/** One disturbed scene, brought to rest and checked; `isReached` is false when the scene has fewer operations. */
export async function disturb(
  scene: Scene,
  disturbance: Disturbance,
  operation: number,
): Promise<{ readonly run: Run; readonly isReached: boolean }> {
  // What a power cut takes with it is another part each time.
  const run = new Run(operation, { limits: limitsOf(2, 0), policy: DEFAULT_BACKUP_POLICY });
  const callers = new Callers(run);
  await run.start();
  await scene.prepare(run, callers);
  callers.isTroubled = true;
  const before = run.trouble.count;
  if (disturbance.kind === 'crash') run.arm(disturbance.crash, operation);
  else run.trouble.plan = (count) => (count === before + operation ? disturbance.fault : undefined);
  run.log('from here on disturbed');
  await scene.act(run, callers);
  const isReached = disturbance.kind === 'crash' ? !run.isArmed : run.trouble.count >= before + operation;
  if (run.broken === undefined) await finish(run, callers);
  return { run, isReached };
}
