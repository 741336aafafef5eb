import { join } from 'node:path';
import { toStewardError } from '../errors/steward-error.js';
import { GIT_SUBMODULE_DEADLINE_MS } from './bounds.js';
import { withDeadline } from './deadline.js';
import type { GitCredentials } from './git-credentials.js';
import { type CopyPlace, runnerIn } from './git-run.js';
import type { InitializeContext } from './initializers/plan.js';

const UPDATE = ['submodule', 'update', '--init', '--recursive', '--progress'];

/**
 * Fetches the submodules of a working copy, and theirs. They are allowed to fail: what could not be fetched is
 * told. Git itself refuses names and paths that lead out of the repository, and URLs that are options.
 */
export async function fetchSubmodules(
  place: CopyPlace,
  credentials: GitCredentials | undefined,
  context: InitializeContext,
): Promise<readonly string[]> {
  const { clock, files } = context.world;
  const modules = join(context.folder, place.location, '.gitmodules');
  if ((await files.stat(modules)) === undefined) return [];
  try {
    await withDeadline(
      clock,
      GIT_SUBMODULE_DEADLINE_MS,
      'fetching submodules',
      context.signal,
      async (signal) => {
        await runnerIn(place, credentials, { ...context, signal })(UPDATE);
      },
    );
    return [];
  } catch (error) {
    context.signal.throwIfAborted();
    const { code, message } = toStewardError(error);
    // Too much for the workspace is not a matter of this submodule.
    if (code === 'quota-exceeded' || code === 'disk-full') throw error;
    return [`submodules could not be fetched: ${message}`];
  }
}
