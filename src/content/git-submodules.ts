import { join } from 'node:path';
import { toStewardError } from '../errors/steward-error.js';
import { withDeadline } from '../gateways/deadline.js';
import { GIT_LFS_SUBMODULES_MAX, GIT_SUBMODULE_DEADLINE_MS } from './bounds.js';
import { isPlainFolder } from './checkout-location.js';
import type { GitCredentials } from './git-credentials.js';
import { fetchLfs } from './git-lfs.js';
import { type CopyPlace, runnerIn } from './git-run.js';
import { checkedGitUrl, type GitUrl } from './git-url.js';
import type { InitializeContext } from './initializers/plan.js';

const UPDATE = ['submodule', 'update', '--init', '--recursive', '--progress'];
const LIST = ['submodule', 'foreach', '--quiet', '--recursive', `printf '%s\\0' "$displaypath"`];

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
  const warnings: string[] = [];
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
  } catch (error) {
    context.signal.throwIfAborted();
    const { code, message } = toStewardError(error);
    // Too much for the workspace is not a matter of this submodule.
    if (code === 'quota-exceeded' || code === 'disk-full') throw error;
    warnings.push(`submodules could not be fetched: ${message}`);
  }
  return [...warnings, ...(await fetchTheirLfs(place, credentials, context))];
}

/** Of the submodules that are there, each from its own server; the credentials are for the one they belong to. */
async function fetchTheirLfs(
  place: CopyPlace,
  credentials: GitCredentials | undefined,
  context: InitializeContext,
): Promise<readonly string[]> {
  const { files } = context.world;
  const { code, output } = await runnerIn(place, credentials, context)(LIST, () => true);
  if (code !== 0) return [];
  const warnings: string[] = [];
  const paths = output.split('\0').filter((path) => path !== '');
  for (const path of paths.slice(0, GIT_LFS_SUBMODULES_MAX)) {
    const location = join(place.location, path);
    if (!(await isPlainFolder(files, context.folder, location))) continue;
    const source = await sourceOf({ ...place, location }, context);
    if (source === undefined) continue;
    const theirs = source.origin === place.source.origin ? credentials : undefined;
    for (const warning of await fetchLfs({ ...place, source, location }, theirs, context)) {
      warnings.push(`in the submodule ${JSON.stringify(path)}, ${warning}`);
    }
  }
  return warnings;
}

/** undefined: from where nothing may come. */
async function sourceOf(place: CopyPlace, context: InitializeContext): Promise<GitUrl | undefined> {
  const run = runnerIn(place, undefined, context);
  const { code, output } = await run(['config', '--get', 'remote.origin.url'], () => true);
  if (code !== 0) return undefined;
  try {
    const source = checkedGitUrl(output.trim(), 'the URL of a submodule');
    return source.scheme === 'http' && !context.git.allowHttp ? undefined : source;
  } catch {
    return undefined;
  }
}
