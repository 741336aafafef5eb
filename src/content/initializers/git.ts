import { StewardError } from '../../errors/steward-error.js';
import {
  CloneTargetMode,
  GitAuthMethod,
  type GitConfig,
  type GitInitializer,
} from '../../gen/content-service-api/initializer.js';
import { GIT_INITIALIZE_DEADLINE_MS } from '../bounds.js';
import { checkedLocation, hasControlCharacters } from '../checkout-location.js';
import { withDeadline } from '../deadline.js';
import { type CloneRequest, clone } from '../git-clone.js';
import { checkedCredentials, fetchOneTimeSecret, type GitCredentials } from '../git-credentials.js';
import { checkedSettings } from '../git-settings.js';
import type { GitTarget } from '../git-target.js';
import { checkedBranch, checkedCommit, checkedGitUrl, type GitUrl } from '../git-url.js';
import type { InitializeContext, Initialized, InitializerPlan } from './plan.js';

const FIELD = 'initializer.git';

/** Clones a repository and checks out what is asked for. */
export function planGit(input: GitInitializer): InitializerPlan {
  if (input.config === undefined) throw new StewardError('invalid-argument', `${FIELD}.config is missing`);
  const upstream = input.upstreamRemoteUri;
  const request: CloneRequest = {
    source: checkedGitUrl(input.remoteUri, `${FIELD}.remote_uri`),
    upstream: upstream === '' ? undefined : checkedGitUrl(upstream, `${FIELD}.upstream_Remote_uri`),
    target: targetOf(input),
    location: checkedLocation(input.checkoutLocation, `${FIELD}.checkout_location`),
    settings: checkedSettings(input.config.customConfig, `${FIELD}.config.custom_config`),
    isFull: input.fullClone,
  };
  const access = accessOf(input.config, request.source);
  return {
    kind: 'git',
    description: `${request.source.text}, ${describe(request.target)}`,
    checkoutLocation: request.location,
    run: (context) => run(request, access, context),
  };
}

async function run(request: CloneRequest, access: Access, context: InitializeContext): Promise<Initialized> {
  for (const url of [request.source, request.upstream]) {
    if (url?.scheme === 'http' && !context.git.allowHttp) {
      throw new StewardError(
        'invalid-argument',
        `${FIELD}: http is not allowed by this installation: use https`,
      );
    }
  }
  const { clock } = context.world;
  const start = clock.monotonic();
  context.onProgress?.({ step: 'cloning', bytes: 0 });
  const warnings = await withDeadline(
    clock,
    GIT_INITIALIZE_DEADLINE_MS,
    'the clone',
    context.signal,
    async (signal) =>
      clone(request, await credentialsOf(access, { ...context, signal }), { ...context, signal }),
  );
  const durationMs = clock.monotonic() - start;
  return { source: 'from-other', metrics: [{ type: 'git', durationMs, sizeBytes: 0 }], warnings };
}

/** Who to be for the server. The secret of a one-time URL is fetched when the clone begins, once. */
type Access =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'password'; readonly credentials: GitCredentials }
  | { readonly kind: 'one-time'; readonly url: string };

function accessOf(config: GitConfig, source: GitUrl): Access {
  switch (config.authentication) {
    case GitAuthMethod.NO_AUTH:
      return { kind: 'anonymous' };
    case GitAuthMethod.BASIC_AUTH: {
      requireOrigin(source);
      const credentials = { user: config.authUser, password: config.authPassword };
      return { kind: 'password', credentials: checkedCredentials(credentials, `${FIELD}.config`) };
    }
    case GitAuthMethod.BASIC_AUTH_OTS: {
      requireOrigin(source);
      const url = config.authOts;
      const isUsable =
        url === '' || (/^https?:\/\//.test(url) && URL.canParse(url) && !hasControlCharacters(url));
      if (isUsable) return { kind: 'one-time', url };
      throw new StewardError('invalid-argument', `${FIELD}.config.auth_ots is not an http or https URL`);
    }
    default:
      throw new StewardError('invalid-argument', `${FIELD}.config.authentication is unknown`);
  }
}

function requireOrigin(source: GitUrl): void {
  if (source.origin !== undefined) return;
  throw new StewardError('invalid-argument', `${FIELD}.config.authentication needs an https URL`);
}

async function credentialsOf(
  access: Access,
  context: InitializeContext,
): Promise<GitCredentials | undefined> {
  switch (access.kind) {
    case 'anonymous':
      return undefined;
    case 'password':
      return access.credentials;
    case 'one-time':
      if (access.url === '') {
        throw new StewardError('invalid-argument', `${FIELD}.config.auth_ots is missing`);
      }
      return fetchOneTimeSecret(context.world, context.http, access.url, context.signal);
  }
}

function targetOf({ targetMode, cloneTaget }: GitInitializer): GitTarget {
  const field = `${FIELD}.clone_taget`;
  switch (targetMode) {
    case CloneTargetMode.REMOTE_HEAD:
      return { kind: 'remote-head' };
    case CloneTargetMode.REMOTE_BRANCH:
      return { kind: 'remote-branch', branch: checkedBranch(cloneTaget, field) };
    case CloneTargetMode.LOCAL_BRANCH:
      return { kind: 'local-branch', branch: checkedBranch(cloneTaget, field) };
    case CloneTargetMode.REMOTE_COMMIT:
      return { kind: 'commit', hash: checkedCommit(cloneTaget, field) };
    default:
      throw new StewardError('invalid-argument', `${FIELD}.target_mode is unknown`);
  }
}

function describe(target: GitTarget): string {
  switch (target.kind) {
    case 'remote-head':
      return 'its default branch';
    case 'remote-branch':
      return `branch ${target.branch}`;
    case 'local-branch':
      return `new branch ${target.branch}`;
    case 'commit':
      return `commit ${target.hash}`;
  }
}
