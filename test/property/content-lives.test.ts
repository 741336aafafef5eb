import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backupTimerLimits } from '../../machines/backup-timer-steps.js';
import { ContentLife, JOB_MS, PERIOD_MS } from './support/content-life.js';

/** What may happen to an instance in use. */
type Step =
  | { readonly kind: 'pass'; readonly milliseconds: number }
  | { readonly kind: 'backup' | 'snapshot' | 'restart' | 'storage' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.nat(400_000) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), milliseconds: fc.nat(2_000) }) },
    fc.record({ kind: fc.constantFrom('backup', 'snapshot', 'restart', 'storage') }),
  ),
  { minLength: 1, maxLength: 40 },
);

interface Ending {
  readonly wantsBackup: boolean;
  /** The daemon is killed so long after the first Dispose. */
  readonly killedAfterMs: number | undefined;
}

const endings: fc.Arbitrary<Ending> = fc.record({
  wantsBackup: fc.boolean(),
  killedAfterMs: fc.option(fc.nat(60_000), { nil: undefined }),
});

/**
 * The longest time a change may be on this node only while the storage works: the period at its longest, the catch-up
 * of a restart, and every job that may come first.
 */
const BOUND_MS =
  PERIOD_MS * (1 + backupTimerLimits.spreadShare / 2) + backupTimerLimits.catchUpMs + 7 * (JOB_MS + 200);
/** A storage that comes back may have to wait for the longest pause of the timer. */
const { pauseMaxMs } = backupTimerLimits;
const DAY_MS = 86_400_000;

it('saves content in time, keeps every promise and goes once, whatever happens on the way', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), steps, endings, async (seed, life, ending) => {
      const content = new ContentLife(seed);
      await content.init();
      const promised = new Set<string>();
      for (const step of life) {
        await take(content, step, promised);
        expect(content.faults).toEqual([]);
        expectSavedInTime(content);
      }
      await leave(content, ending);
      expectKept(content, promised, ending);
    }),
    { numRuns: 150 },
  );
});

async function take(content: ContentLife, step: Step, promised: Set<string>): Promise<void> {
  switch (step.kind) {
    case 'pass':
      return content.pass(step.milliseconds);
    case 'backup':
      return content.backup();
    case 'snapshot': {
      const name = `snapshot-${promised.size}`;
      content.snapshot(name);
      // Told is only what is on disk by then; a restart in between is a promise that nobody heard of.
      await content.pass(100);
      if (content.record?.snapshots.some((one) => one.name === name)) promised.add(name);
      return undefined;
    }
    case 'restart':
      return content.restart();
    case 'storage':
      content.isStorageUp = !content.isStorageUp;
      content.storageUpSince = content.clock.now();
  }
}

function expectSavedInTime(content: ContentLife): void {
  if (!content.isStorageUp || !content.isInUse) return;
  const from = Math.max(content.savedAt, content.storageUpSince + pauseMaxMs);
  expect(content.clock.now() - from).toBeLessThanOrEqual(BOUND_MS);
}

/** Several callers want it gone, the storage may come back only later, and the daemon is killed once more. */
async function leave(content: ContentLife, { wantsBackup, killedAfterMs }: Ending): Promise<void> {
  for (let times = 0; times < 3; times += 1) content.dispose(wantsBackup);
  await content.pass(killedAfterMs ?? 0);
  if (killedAfterMs !== undefined) content.restart();
  await content.pass(100);
  content.dispose(wantsBackup);
  await content.pass(60_000);
  content.isStorageUp = true;
  await content.pass(DAY_MS);
}

function expectKept(
  content: ContentLife,
  promised: ReadonlySet<string>,
  { wantsBackup, killedAfterMs }: Ending,
): void {
  expect(content.faults).toEqual([]);
  expect(content.isGone).toBe(true);
  // What had ended when the daemon was killed, and was not on disk yet, is done again.
  const most = killedAfterMs === undefined ? 1 : 2;
  for (const once of ['remove', 'pre-stop', 'logs', ...(wantsBackup ? ['verify'] : [])]) {
    expect([once, content.counts.get(once)]).toEqual([once, expect.toSatisfy((n) => n === 1 || n === most)]);
  }
  expect(content.counts.has('final backup')).toBe(wantsBackup);
  const { snapshots } = content.context;
  expect(snapshots.filter(({ state }) => state === 'pending')).toEqual([]);
  // The oldest outcomes are forgotten when there are many.
  const newest = [...promised].slice(-8);
  expect(newest.filter((name) => !snapshots.some((one) => one.name === name))).toEqual([]);
}
