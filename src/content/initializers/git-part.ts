import { StewardError } from '../../errors/steward-error.js';
import {
  CloneTargetMode,
  GitAuthMethod,
  type GitConfig,
  type GitInitializer,
} from '../../gen/content-service-api/initializer.js';
import { checkedLocation, hasControlCharacters } from '../checkout-location.js';
import type { CloneRequest } from '../git-clone.js';
import { checkedCredentials, fetchOneTimeSecret, type GitCredentials } from '../git-credentials.js';
import { checkedSettings } from '../git-settings.js';
import type { GitTarget } from '../git-target.js';
import { checkedBranch, checkedCommit, checkedGitUrl, type GitUrl } from '../git-url.js';
import type { InitializeContext } from './plan.js';

/** One working copy of a request that was found good: for a clone, or to move a restored one. */
export interface GitPart {
  readonly request: CloneRequest;
  readonly description: string;
  readonly access: Access;
  /** Name of the field in the request, for messages. */
  readonly field: string;
}

/** Who to be for the server. The secret of a one-time URL is fetched when it is needed, once. */
export type Access =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'password'; readonly credentials: GitCredentials }
  | { readonly kind: 'one-time'; readonly url: string };

/** Fails with `invalid-argument` and the field below `field` for anything that is not good. */
export function gitPart(input: GitInitializer, field: string): GitPart {
  if (input.config === undefined) throw new StewardError('invalid-argument', `${field}.config is missing`);
  const upstream = input.upstreamRemoteUri;
  const request: CloneRequest = {
    source: checkedGitUrl(input.remoteUri, `${field}.remote_uri`),
    upstream: upstream === '' ? undefined : checkedGitUrl(upstream, `${field}.upstream_Remote_uri`),
    target: targetOf(input, `${field}.clone_taget`),
    location: checkedLocation(input.checkoutLocation, `${field}.checkout_location`),
    settings: checkedSettings(input.config.customConfig, `${field}.config.custom_config`),
    isFull: input.fullClone,
  };
  const description = `${request.source.text}, ${describe(request.target)}`;
  return { request, description, access: accessOf(input.config, request.source, field), field };
}

/** Whether the installation allows its servers is asked when it runs: it may have changed since. */
export function requireAllowed({ request, field }: GitPart, context: InitializeContext): void {
  for (const url of [request.source, request.upstream]) {
    if (url?.scheme !== 'http' || context.git.allowHttp) continue;
    throw new StewardError(
      'invalid-argument',
      `${field}: http is not allowed by this installation: use https`,
    );
  }
}

export async function credentialsOf(
  { access, field }: GitPart,
  context: InitializeContext,
): Promise<GitCredentials | undefined> {
  switch (access.kind) {
    case 'anonymous':
      return undefined;
    case 'password':
      return access.credentials;
    case 'one-time':
      if (access.url === '')
        throw new StewardError('invalid-argument', `${field}.config.auth_ots is missing`);
      return fetchOneTimeSecret(context.world, context.http, access.url, context.signal);
  }
}

function accessOf(config: GitConfig, source: GitUrl, field: string): Access {
  switch (config.authentication) {
    case GitAuthMethod.NO_AUTH:
      return { kind: 'anonymous' };
    case GitAuthMethod.BASIC_AUTH: {
      requireOrigin(source, field);
      const credentials = { user: config.authUser, password: config.authPassword };
      return { kind: 'password', credentials: checkedCredentials(credentials, `${field}.config`) };
    }
    case GitAuthMethod.BASIC_AUTH_OTS: {
      requireOrigin(source, field);
      const url = config.authOts;
      const isUsable =
        url === '' || (/^https?:\/\//.test(url) && URL.canParse(url) && !hasControlCharacters(url));
      if (isUsable) return { kind: 'one-time', url };
      throw new StewardError('invalid-argument', `${field}.config.auth_ots is not an http or https URL`);
    }
    default:
      throw new StewardError('invalid-argument', `${field}.config.authentication is unknown`);
  }
}

function requireOrigin(source: GitUrl, field: string): void {
  if (source.origin !== undefined) return;
  throw new StewardError('invalid-argument', `${field}.config.authentication needs an https URL`);
}

function targetOf({ targetMode, cloneTaget }: GitInitializer, field: string): GitTarget {
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
      throw new StewardError(
        'invalid-argument',
        `${field.replace(/clone_taget$/, 'target_mode')} is unknown`,
      );
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
