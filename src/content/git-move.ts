import { join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import type { GitSetting } from './git.js';
import type { CloneRequest } from './git-clone.js';
import type { GitCredentials } from './git-credentials.js';
import { fetchLfs, lfsSettings } from './git-lfs.js';
import { runnerIn } from './git-run.js';
import { fetchSubmodules } from './git-submodules.js';
import { checkOut, commitOf, fetchDefaultBranch, type RunInCopy } from './git-target.js';
import type { InitializeContext } from './initializers/plan.js';

export interface Moved {
  /** Whether it is at another commit than before. */
  readonly isElsewhere: boolean;
  readonly warnings: readonly string[];
}

/**
 * Moves a restored working copy to the target of a request and takes its uncommitted changes along; where they do
 * not fit they stay in its stash, which is told. `audited` comes from `auditCopy`. Fails with `git-failed`.
 */
export async function moveCopy(
  request: CloneRequest,
  audited: readonly GitSetting[],
  credentials: GitCredentials | undefined,
  context: InitializeContext,
): Promise<Moved> {
  const lfs = await lfsSettings(context.world);
  const settings = [...audited, ...(lfs ?? [])];
  const place = { source: request.source, location: request.location, settings };
  const run = runnerIn(place, credentials, context);
  // Of a git that was still at work when the snapshot was made.
  await context.world.files.remove(join(context.folder, request.location, '.git', 'index.lock'));
  const isStashed = await stash(run);
  const before = await commitOf('HEAD', run);
  const { kind } = request.target;
  if (kind === 'remote-head' || kind === 'local-branch') await fetchDefaultBranch(run);
  const warnings = [...(await checkOut(request.target, run))];
  const after = await commitOf('HEAD', run);
  warnings.push(...(await fetchLfs(place, credentials, context)));
  warnings.push(...(await fetchSubmodules(place, credentials, context)));
  if (isStashed) warnings.push(...(await unstash(run, request.location)));
  return { isElsewhere: before !== after, warnings };
}

/** False when there was nothing to put aside. */
async function stash(run: RunInCopy): Promise<boolean> {
  const args = ['stash', 'push', '--no-include-untracked'];
  const { code, output, complaint } = await run(args, (ended) => ended <= 1);
  if (/do not have the initial commit yet/.test(complaint)) return false;
  if (code !== 0) throw new StewardError('git-failed', `git stash: ${complaint}`);
  return !/No local changes to save/.test(output);
}

async function unstash(run: RunInCopy, location: string): Promise<readonly string[]> {
  const { code } = await run(['stash', 'pop'], () => true);
  if (code === 0) return [];
  await run(['reset', '--hard']);
  const where = location === '' ? 'the workspace' : location;
  return [
    `the uncommitted changes of the prebuild in ${where} do not fit any more: they are in its git stash`,
  ];
}
