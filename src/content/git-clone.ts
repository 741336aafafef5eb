import { join } from 'node:path';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import {
  GIT_CLONE_ATTEMPTS_MAX,
  GIT_PAUSE_MAX_MS,
  GIT_PAUSE_MIN_MS,
  GIT_SUBMODULE_DEADLINE_MS,
} from './bounds.js';
import { withDeadline } from './deadline.js';
import { type GitSetting, runGit } from './git.js';
import { credentialAccess, type GitCredentials, scrub } from './git-credentials.js';
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
  const run = runner(request, credentials, context);
  await cloneWithRetries(request, run, context);
  const warnings = await settle(run);
  warnings.push(...(await checkOut(request.target, run)));
  if (request.upstream !== undefined) {
    await run(['remote', 'add', 'upstream', request.upstream.text]);
    await run(['fetch', '--recurse-submodules=no', 'upstream']);
  }
  warnings.push(...(await fetchSubmodules(request, credentials, context)));
  return warnings;
}

async function cloneWithRetries(
  request: CloneRequest,
  run: RunInCopy,
  context: InitializeContext,
): Promise<void> {
  const { clock, random } = context.world;
  for (let attempt = 1; ; attempt += 1) {
    await prepareLocation(request.location, context);
    try {
      await run(cloneArguments(request));
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
  return ['clone', '--template=', ...depth, ...settings, '--', text, '.'];
}

/** An empty folder of the content's user, and its parents. The content's root itself stays. */
async function prepareLocation(location: string, context: InitializeContext): Promise<void> {
  const { folder, user, world } = context;
  const { files } = world;
  let path = folder;
  for (const segment of location.split('/').filter((part) => part !== '')) {
    path = join(path, segment);
    if ((await files.stat(path)) !== undefined) continue;
    await files.makeDirectory(path, 0o755);
    if (user !== undefined) await files.chown(path, user.uid, user.gid);
  }
  for (const entry of await files.list(path)) await files.remove(join(path, entry.name));
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

async function fetchSubmodules(
  request: CloneRequest,
  credentials: GitCredentials | undefined,
  context: InitializeContext,
): Promise<readonly string[]> {
  const path = join(context.folder, request.location, '.gitmodules');
  if ((await context.world.files.stat(path)) === undefined) return [];
  try {
    await withDeadline(
      context.world.clock,
      GIT_SUBMODULE_DEADLINE_MS,
      'fetching submodules',
      context.signal,
      (signal) =>
        runner(request, credentials, { ...context, signal })([
          'submodule',
          'update',
          '--init',
          '--recursive',
        ]),
    );
    return [];
  } catch (error) {
    context.signal.throwIfAborted();
    return [`submodules could not be fetched: ${toStewardError(error).message}`];
  }
}

function runner(
  request: CloneRequest,
  credentials: GitCredentials | undefined,
  context: InitializeContext,
): RunInCopy {
  const { world, user, signal, folder, git } = context;
  const protocols = ['https', 'ssh', 'git', ...(git.allowHttp ? ['http'] : [])];
  const allowed = protocols.map((protocol): GitSetting => [`protocol.${protocol}.allow`, 'always']);
  const { settings = [], ...pipes } = credentialAccess(credentials, request.source.origin);
  return async (args, accepts = (code) => code === 0) => {
    const outcome = await runGit(world, {
      args,
      folder: join(folder, request.location),
      user,
      signal,
      settings: [...allowed, ...settings],
      environment: { GIT_ALLOW_PROTOCOL: protocols.join(':') },
      ...pipes,
    });
    if (accepts(outcome.code)) return outcome;
    throw gitFailure(args, outcome, credentials);
  };
}

function gitFailure(
  args: readonly string[],
  outcome: { readonly code: number; readonly complaint: string },
  credentials: GitCredentials | undefined,
): StewardError {
  const said = scrub(outcome.complaint, credentials);
  if (/No space left on device|Disk quota exceeded/.test(said)) {
    return new StewardError('disk-full', `git ${args[0]}: ${said}`);
  }
  const hint = HINTS.find(([pattern]) => pattern.test(said))?.[1];
  const why = said === '' ? `ended with code ${outcome.code}` : said;
  return new StewardError('git-failed', `git ${args[0]}: ${why}${hint === undefined ? '' : ` (${hint})`}`);
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/Access denied/, 'the credentials may not read this repository'],
  [/could not read Username/, 'the server wants credentials, and none were given'],
  [/returned error: 524/, "the server's gateway timed out; start again"],
];
