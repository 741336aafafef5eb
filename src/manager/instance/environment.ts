import type { Identity } from '../../../machines/content-types.js';
import type { EnvironmentVariable, StartWorkspaceSpec } from '../../gen/ws-manager-api/core.js';

/** Variables of this prefix are the system's; these are the ones users may set all the same. */
const RESERVED_PREFIX = 'GITPOD_';
const ALLOWED_RESERVED: ReadonlySet<string> = new Set([
  'GITPOD_WORKSPACE_CONTEXT',
  'GITPOD_WORKSPACE_CONTEXT_URL',
  'GITPOD_TASKS',
  'GITPOD_RESOLVED_EXTENSIONS',
  'GITPOD_EXTERNAL_EXTENSIONS',
  'GITPOD_WORKSPACE_CLASS_INFO',
  'GITPOD_IDE_ALIAS',
  'GITPOD_RLIMIT_CORE',
  'GITPOD_IMAGE_AUTH',
]);

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What a workspace's command finds in its environment; nothing of ours leaks into it. */
export function environmentOf(
  identity: Identity,
  url: string,
  spec: StartWorkspaceSpec,
): Readonly<Record<string, string>> {
  return {
    PATH: DEFAULT_PATH,
    ...pairs(spec.envvars.filter(isForUsers)),
    ...pairs(spec.sysEnvvars),
    ...gitIdentity(spec),
    GITPOD_WORKSPACE_ID: identity.workspace,
    GITPOD_INSTANCE_ID: identity.instance,
    GITPOD_OWNER_ID: identity.owner,
    GITPOD_WORKSPACE_URL: url,
  };
}

/** Variables without a value are not set at all. */
function isForUsers({ name, value }: EnvironmentVariable): boolean {
  return value !== '' && (!name.startsWith(RESERVED_PREFIX) || ALLOWED_RESERVED.has(name));
}

function pairs(variables: readonly EnvironmentVariable[]): Record<string, string> {
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}

function gitIdentity({ git }: StartWorkspaceSpec): Record<string, string> {
  const name = git?.username ?? '';
  const email = git?.email ?? '';
  return {
    ...(name === '' ? {} : { GIT_AUTHOR_NAME: name, GIT_COMMITTER_NAME: name }),
    ...(email === '' ? {} : { GIT_AUTHOR_EMAIL: email, GIT_COMMITTER_EMAIL: email }),
  };
}
