import { expect, it } from 'vitest';
import { DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import { Callers } from './calls.js';
import { AREA } from './life.js';
import { comeToRest, heal } from './rest.js';
import { Run } from './run.js';
import { instance } from './scenes/scene.js';
import { limitsOf } from './settings.js';

/** Every step of a record takes so long, and all else no time: between two of them is all there is to disturb. */
const SLOW_MS = 5_000;

it('ends a set-up that needs a password, at whichever step of its records the daemon was killed', async () => {
  let killed = 0;
  while (await isUnderWayAfter((killed + 0.5) * SLOW_MS)) killed += 1;
  expect(killed).toBeGreaterThan(2);
});

async function isUnderWayAfter(milliseconds: number): Promise<boolean> {
  const run = new Run(1, { limits: limitsOf(2, 0), policy: DEFAULT_BACKUP_POLICY });
  const callers = new Callers(run);
  await run.start();
  run.trouble.plan = (_count, path) => (path.startsWith(AREA.records) ? { latencyMs: SLOW_MS } : undefined);
  const model = instance(run, 'i1', 'git');
  callers.init(model);
  await run.pass(milliseconds);
  const isUnderWay = run.pending.size > 0;
  run.crash('kill');
  heal(run);
  // Of a request that was not written down nobody knows.
  const isKnown = run.disk.names(AREA.records).some((name) => name.endsWith('.record'));
  await run.start();
  await comeToRest(run);
  expect(callers.isInUse(model), `killed after ${milliseconds} ms`).toBe(isKnown);
  expect(run.disk.names(AREA.secrets)).toEqual([]);
  expect(run.broken?.message).toBeUndefined();
  return isUnderWay;
}
