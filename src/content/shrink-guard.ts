import { StewardError } from '../errors/steward-error.js';
import type { ShrinkGuard } from './backup-policy.js';
import type { Tree } from './manifest.js';
import type { Survey } from './survey.js';

/**
 * Fails with `backup-suspicious` when most of what the backup before held is gone: a folder that was emptied, or
 * whose disk is not mounted, must not become the newest version unseen.
 */
export function requireNoShrink(before: Tree | undefined, now: Survey, guard: ShrinkGuard): void {
  if (before === undefined) return;
  const hasFewEntries = before.entries >= guard.minEntries && now.entries < before.entries * guard.share;
  const hasFewBytes = before.bytes >= guard.minBytes && now.bytes < before.bytes * guard.share;
  if (!hasFewEntries && !hasFewBytes) return;
  throw new StewardError(
    'backup-suspicious',
    `the content has ${now.entries} entries and ${now.bytes} bytes; ` +
      `the backup before has ${before.entries} entries and ${before.bytes} bytes`,
  );
}
