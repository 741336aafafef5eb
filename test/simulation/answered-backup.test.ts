import { expect, it } from 'vitest';
import { DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import { Callers } from './calls.js';
import { AREA } from './life.js';
import { comeToRest, finish, heal } from './rest.js';
import { Run } from './run.js';
import { answered, instance, inUse, work } from './scenes/scene.js';
import { limitsOf } from './settings.js';

/** Longer than what a record takes when the disk is well. */
const SLOW_MS = 5_000;

it('makes a backup that was answered once, even when the daemon dies as soon as it is', async () => {
  const { run, callers } = await withSlowRecords();
  callers.backup(instance(run, 'i1'));
  while (run.pending.size > 0) await run.pass(1);
  // Its caller goes on at once, and relies on what was saved.
  const saved = instance(run, 'i1').versions.at(-1);
  work(run, 'i1');
  run.crash('kill');
  heal(run);
  await run.start();
  await comeToRest(run);
  const backups = run.stored.backups('w1');
  expect(backups.map(({ generation }) => generation)).toEqual([1]);
  for (const backup of backups) expect(await run.stored.treeOf(backup)).toEqual(saved);
  await finish(run, callers);
  expect(run.broken?.message).toBeUndefined();
});

it('answers a backup that is made although its record cannot be written', async () => {
  const { run, callers } = await withSlowRecords();
  const isMade = () => run.stored.backups('w1', 'now').length > 0;
  run.trouble.plan = (_count, path) =>
    path.startsWith(AREA.records) && isMade() ? { code: 'EIO' } : undefined;
  await answered(run, () => callers.backup(instance(run, 'i1')));
  expect(run.lines.some((line) => line.endsWith('backup i1: OK'))).toBe(true);
  await finish(run, callers);
  expect(run.broken?.message).toBeUndefined();
});

async function withSlowRecords() {
  const run = new Run(1, { limits: limitsOf(2, 0), policy: DEFAULT_BACKUP_POLICY });
  const callers = new Callers(run);
  await run.start();
  await inUse(run, callers, 'i1');
  callers.isTroubled = true;
  run.trouble.plan = (_count, path) => (path.startsWith(AREA.records) ? { latencyMs: SLOW_MS } : undefined);
  return { run, callers };
}
