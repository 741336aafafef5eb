import { describe, expect, it } from 'vitest';
import { DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import { Callers } from './calls.js';
import { AREA, callContext } from './life.js';
import { finish, heal } from './rest.js';
import { Run } from './run.js';
import { instance, inUse, SCENE_MS, succeeds } from './scenes/scene.js';
import { limitsOf } from './settings.js';

describe('an instance that fails again and again', () => {
  it.each(['retry', 'resume'] as const)(
    'is parked alone, and goes on after %s with all it had',
    async (action) => {
      const { run, callers } = await failedTooOften();
      expect(run.life?.parked()).toEqual(['i1']);
      const found = run.disk.content(AREA.contentOf(instance(run, 'i1').id));
      expect(found).toEqual(instance(run, 'i1').versions.at(-1));
      heal(run);
      await succeeds(run, recovering(run, action));
      expect(callers.isInUse(instance(run, 'i1'))).toBe(true);
      await finish(run, callers);
      expect(run.broken?.message).toBeUndefined();
    },
  );

  it('is woken by who disposes of it, and saved', async () => {
    const { run, callers } = await failedTooOften();
    await finish(run, callers);
    expect(run.broken?.message).toBeUndefined();
    expect(run.lines.some((line) => line.includes('i1 is parked'))).toBe(true);
    expect(run.stored.backups('w1').length).toBeGreaterThan(0);
  });
});

/** The disk of its content cannot be read after a restart, until its restarts are used up. */
async function failedTooOften() {
  const run = new Run(1, { limits: limitsOf(2, 0), policy: DEFAULT_BACKUP_POLICY });
  const callers = new Callers(run);
  await run.start();
  await inUse(run, callers, 'i1');
  callers.isTroubled = true;
  const content = AREA.contentOf(instance(run, 'i1').id);
  run.crash('kill');
  run.trouble.plan = (_count, path) => (path.startsWith(content) ? { code: 'EIO' } : undefined);
  await run.start();
  await run.pass(SCENE_MS);
  return { run, callers };
}

async function recovering(run: Run, action: 'retry' | 'resume'): Promise<void> {
  const value = { $case: action, value: {} } as const;
  const request = { instanceId: 'i1', reason: 'the disk is mended', action: value };
  await run.life?.steward.recover(request, callContext(new AbortController().signal));
}
