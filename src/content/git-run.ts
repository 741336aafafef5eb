import { join } from 'node:path';
import { StewardError } from '../errors/steward-error.js';
import { type GitOutcome, type GitSetting, runGit } from './git.js';
import { credentialAccess, type GitCredentials, scrub } from './git-credentials.js';
import type { GitProgress } from './git-progress.js';
import type { RunInCopy } from './git-target.js';
import type { GitUrl } from './git-url.js';
import type { InitializeContext } from './initializers/plan.js';
import { noMemory } from './program.js';

/** The working copy commands run in. */
export interface CopyPlace {
  /** Where it comes from: credentials are given to this server only. */
  readonly source: GitUrl;
  /** Below the content's root. */
  readonly location: string;
  /** Beside the closed configuration. */
  readonly settings?: readonly GitSetting[];
}

/**
 * A way to run git in a working copy as the content's user: over the protocols the operator allows, with the
 * credentials for one server, telling its progress. More bytes than the quota end it with `quota-exceeded`.
 */
export function runnerIn(
  place: CopyPlace,
  credentials: GitCredentials | undefined,
  context: InitializeContext,
): RunInCopy {
  const { world, user, folder, git } = context;
  const protocols = ['https', 'ssh', 'git', ...(git.allowHttp ? ['http'] : [])];
  const allowed = protocols.map((protocol): GitSetting => [`protocol.${protocol}.allow`, 'always']);
  const { settings = [], ...pipes } = credentialAccess(credentials, place.source.origin);
  return async (args, accepts = (code) => code === 0) => {
    const limit = new QuotaLimit(context);
    const outcome = await runGit(world, {
      args,
      folder: join(folder, place.location),
      root: folder,
      user,
      signal: limit.signal,
      settings: [...allowed, ...settings, ...(place.settings ?? [])],
      environment: { ...git.environment, GIT_ALLOW_PROTOCOL: protocols.join(':') },
      onProgress: (progress) => limit.take(progress),
      ...pipes,
    }).finally(() => limit.close());
    if (accepts(outcome.code)) return outcome;
    throw gitFailure(args, outcome, credentials);
  };
}

/** Passes progress on, and ends a transfer that brings more than the workspace may hold. */
class QuotaLimit {
  readonly #context: InitializeContext;
  readonly #controller = new AbortController();
  readonly #onAbort: () => void;

  constructor(context: InitializeContext) {
    this.#context = context;
    this.#onAbort = () => this.#controller.abort(context.signal.reason);
    if (context.signal.aborted) this.#onAbort();
    context.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  take({ bytes, percent }: GitProgress): void {
    const { onProgress, quotaBytes = 0 } = this.#context;
    onProgress?.({ step: 'cloning', bytes, percent });
    if (quotaBytes === 0 || bytes <= quotaBytes) return;
    const message = `the repository has more than the ${quotaBytes} bytes this workspace may hold`;
    this.#controller.abort(new StewardError('quota-exceeded', message));
  }

  close(): void {
    this.#context.signal.removeEventListener('abort', this.#onAbort);
  }
}

function gitFailure(
  args: readonly string[],
  outcome: Pick<GitOutcome, 'code' | 'complaint' | 'lacksMemory' | 'lacksRoom'>,
  credentials: GitCredentials | undefined,
): StewardError {
  const said = scrub(outcome.complaint, credentials);
  if (outcome.lacksRoom) {
    return new StewardError('disk-full', `git ${args[0]}: ${said}`);
  }
  if (outcome.lacksMemory) return noMemory('the repository', `git ${args[0]}: ${said}`);
  const hint = HINTS.find(([pattern]) => pattern.test(said))?.[1];
  const why = said === '' ? `ended with code ${outcome.code}` : said;
  return new StewardError('git-failed', `git ${args[0]}: ${why}${hint === undefined ? '' : ` (${hint})`}`);
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/Access denied/, 'the credentials may not read this repository'],
  [/could not read Username/, 'the server wants credentials, and none were given'],
  [/returned error: 524/, "the server's gateway timed out; start again"],
];
