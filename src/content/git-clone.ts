import { join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import { GIT_CLONE_ATTEMPTS_MAX, GIT_PAUSE_MAX_MS, GIT_PAUSE_MIN_MS } from './bounds.js';
import { makePlainFolder } from './checkout-location.js';
import { emptyFolder } from './folder-entries.js';
import type { GitSetting } from './git.js';
import type { GitCredentials } from './git-credentials.js';
import { fetchLfs, lfsSettings } from './git-lfs.js';
import { runnerIn } from './git-run.js';
import { fetchSubmodules } from './git-submodules.js';
import { checkOut, type GitTarget, type RunInCopy } from './git-target.js';
import type { GitUrl } from './git-url.js';
import type { InitializeContext } from './initializers/plan.js';

/** A checked request for a working copy. */
export interface CloneRequest {
  readonly source: GitUrl;
  /** Becomes the remote `upstream`. */
  readonly upstream: GitUrl | undefined;
  readonly target: GitTarget;
  /** Below the content's root; `''` is the root itself. */
  readonly location: string;
  readonly settings: readonly GitSetting[];
  readonly isFull: boolean;
}

/**
 * Makes the working copy and returns what should be told although it did not fail. Fails with `git-failed` and
 * git's own last words, without secrets.
 */
export async function clone(
  request: CloneRequest,
  credentials: GitCredentials | undefined,
  context: InitializeContext,
): Promise<readonly string[]> {
  const lfs = await lfsSettings(context.world);
  const place = { source: request.source, location: request.location, settings: lfs ?? [] };
  const run = runnerIn(place, credentials, context);
  await cloneWithRetries(request, run, context);
  const warnings = await settle(run);
  warnings.push(...(await checkOut(request.target, run)));
  if (request.upstream !== undefined) {
    await run(['remote', 'add', 'upstream', request.upstream.text]);
    await run(['fetch', '--progress', '--recurse-submodules=no', 'upstream']);
  }
  warnings.push(...(await fetchLfs(place, credentials, context)));
  warnings.push(...(await fetchSubmodules(place, credentials, context)));
  return warnings;
}

async function cloneWithRetries(
  request: CloneRequest,
  run: RunInCopy,
  context: InitializeContext,
): Promise<void> {
  const { clock, random } = context.world;
  for (let attempt = 1; ; attempt += 1) {
    const folder = await prepareLocation(request.location, context);
    try {
      await run(cloneArguments(request));
      await requireRepository(folder, context);
      return;
    } catch (error) {
      if (attempt === GIT_CLONE_ATTEMPTS_MAX || !isWorthRetrying(error)) throw error;
    }
    const pause = Math.min(GIT_PAUSE_MAX_MS, GIT_PAUSE_MIN_MS * 2 ** (attempt - 1));
    await sleep(clock, pause * (0.5 + random.fraction() / 2), context.signal);
  }
}

function cloneArguments(request: CloneRequest): readonly string[] {
  const { text } = request.source;
  const http: readonly GitSetting[] = text.includes('gitlab.com') ? [['http.version', 'HTTP/1.1']] : [];
  const settings = [...http, ...request.settings].flatMap(([key, value]) => ['--config', `${key}=${value}`]);
  const depth = request.isFull ? [] : ['--depth=1', '--shallow-submodules'];
  return ['clone', '--progress', '--template=', ...depth, ...settings, '--', text, '.'];
}

/** An empty folder of the content's user, and its parents. The content's root itself stays. */
async function prepareLocation(location: string, context: InitializeContext): Promise<string> {
  const { folder, user, world } = context;
  const path = await makePlainFolder(world.files, folder, location, user);
  await emptyFolder(world.files, path);
  return path;
}

/** A clone that says it went well is not believed before there is something. */
async function requireRepository(folder: string, context: InitializeContext): Promise<void> {
  const head = await context.world.files.stat(join(folder, '.git', 'HEAD'));
  if (head !== undefined) return;
  throw new StewardError('git-failed', 'git clone: ended well, and made no repository');
}

/** What the server, or the request, says for good is not asked again. */
function isWorthRetrying(error: unknown): boolean {
  if (!(error instanceof StewardError) || error.code !== 'git-failed') return false;
  return !PERMANENT.test(error.message);
}

const PERMANENT =
  /Access denied|Authentication failed|could not read (Username|Password)|not found|does not (exist|appear)|not exported|returned error: 40[134]|Permission denied|transport .* not allowed|No space left|Disk quota/i;

/** What the known system sets; a copy without it works too. */
async function settle(run: RunInCopy): Promise<string[]> {
  const settings: readonly (readonly string[])[] = [
    ['fetch.writeCommitGraph', 'true'],
    ['--replace-all', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*'],
    ['--replace-all', 'checkout.defaultRemote', 'origin'],
  ];
  const warnings: string[] = [];
  for (const setting of settings) {
    const { code } = await run(['config', ...setting], () => true);
    if (code !== 0) warnings.push(`git config ${setting.join(' ')} ended with code ${code}`);
  }
  return warnings;
}
