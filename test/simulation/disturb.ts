import { DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import type { FileFault } from '../../src/gateways/simulated/file-faults.js';
import { Callers } from './calls.js';
import { CONVERGE_MS, finish, heal } from './rest.js';
import { type Crash, Run } from './run.js';
import type { Scene } from './scenes/scene.js';
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
  'a very late answer': { kind: 'fault', fault: { latencyMs: 3_600_000 } },
  'no answer ever': { kind: 'fault', fault: { isEndless: true } },
};

/** One disturbed scene, brought to rest and checked; `isReached` is false when the scene has fewer operations. */
export async function disturb(
  scene: Scene,
  disturbance: Disturbance,
  operation: number,
): Promise<{ readonly run: Run; readonly isReached: boolean }> {
  // What a power cut takes with it is another part each time.
  const run = new Run(operation, { limits: limitsOf(2, 0), policy: scene.policy ?? DEFAULT_BACKUP_POLICY });
  const callers = new Callers(run);
  await run.start();
  await scene.prepare(run, callers);
  callers.isTroubled = true;
  const before = run.trouble.count;
  if (disturbance.kind === 'crash') run.arm(disturbance.crash, operation);
  else run.trouble.plan = (count) => (count === before + operation ? disturbance.fault : undefined);
  run.log('from here on disturbed');
  await scene.act(run, callers);
  // What waits for such an answer ends with its process only; whoever called must have heard before.
  if (run.broken === undefined && isEndless(disturbance)) await endWaiting(run);
  const isReached = disturbance.kind === 'crash' ? !run.isArmed : run.trouble.count >= before + operation;
  if (run.broken === undefined && scene.after !== undefined) {
    heal(run);
    if (run.life === undefined) await run.start();
    await scene.after(run, callers);
  }
  if (run.broken === undefined) await finish(run, callers);
  return { run, isReached };
}

function isEndless(disturbance: Disturbance): boolean {
  return disturbance.kind === 'fault' && disturbance.fault.isEndless === true;
}

async function endWaiting(run: Run): Promise<void> {
  const until = run.now + CONVERGE_MS;
  while (run.pending.size > 0 && run.now < until) await run.pass(60_000);
  const waiting = [...run.pending].map(({ name }) => name);
  run.require(7, waiting.length === 0, `without an answer: ${waiting.join(', ')}`);
  if (run.life !== undefined) run.crash('kill');
}
