import { createHash } from 'node:crypto';
import type { GitInitializer, WorkspaceInitializer } from '../../gen/content-service-api/initializer.js';
import { type EnvironmentVariable, StartWorkspaceRequest } from '../../gen/ws-manager-api/core.js';

/** A start request as it may be written down, and what was taken out of it only as a fact. */
export interface OpenRequest {
  /** Base64 of the request without its secrets, its maps in the order of their keys. */
  readonly encoded: string;
  /** SHA-256 of that: whether two requests are the same. Secrets, which may be renewed, do not count. */
  readonly fingerprint: string;
  readonly hasSecrets: boolean;
}

export function openRequest(request: StartWorkspaceRequest): OpenRequest {
  const whole = encode(inOrder(request));
  const open = encode(inOrder(withoutSecrets(request)));
  return {
    encoded: open.toString('base64'),
    fingerprint: createHash('sha256').update(open).digest('hex'),
    hasSecrets: !whole.equals(open),
  };
}

export function decodeRequest(encoded: string): StartWorkspaceRequest {
  return StartWorkspaceRequest.decode(Buffer.from(encoded, 'base64'));
}

function encode(request: StartWorkspaceRequest): Buffer {
  return Buffer.from(StartWorkspaceRequest.encode(request).finish());
}

/** Values of variables may be secret, and so may what the initializers need to get at their sources. */
function withoutSecrets(request: StartWorkspaceRequest): StartWorkspaceRequest {
  const { spec } = request;
  if (spec === undefined) return request;
  const nameOnly = (variable: EnvironmentVariable) => ({ ...variable, value: '' });
  return {
    ...request,
    spec: {
      ...spec,
      envvars: spec.envvars.map(nameOnly),
      sysEnvvars: spec.sysEnvvars.map(nameOnly),
      initializer:
        spec.initializer === undefined
          ? undefined
          : mapSources(spec.initializer, gitWithoutSecrets, urlWithoutSecrets),
    },
  };
}

function gitWithoutSecrets(git: GitInitializer): GitInitializer {
  return {
    ...git,
    remoteUri: urlWithoutSecrets(git.remoteUri),
    upstreamRemoteUri: urlWithoutSecrets(git.upstreamRemoteUri),
    config:
      git.config === undefined
        ? undefined
        : {
            ...git.config,
            authPassword: '',
            authOts: '',
            customConfig: withoutValues(git.config.customConfig),
          },
  };
}

/** Extra headers and the like carry tokens, so of the configuration only the keys are written down. */
function withoutValues(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.keys(map).map((key) => [key, '']));
}

/** Users, passwords and queries (which carry signatures) are left out. */
function urlWithoutSecrets(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1').replace(/[?#].*$/s, '');
}

function inOrder(request: StartWorkspaceRequest): StartWorkspaceRequest {
  const { metadata, spec } = request;
  const initializer = spec?.initializer;
  const gitInOrder = (git: GitInitializer): GitInitializer =>
    git.config === undefined
      ? git
      : { ...git, config: { ...git.config, customConfig: sorted(git.config.customConfig) } };
  return {
    ...request,
    metadata: metadata === undefined ? undefined : { ...metadata, annotations: sorted(metadata.annotations) },
    spec:
      spec === undefined || initializer === undefined
        ? spec
        : { ...spec, initializer: mapSources(initializer, gitInOrder, (url) => url) },
  };
}

function sorted(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The same tree of initializers with every Git source and every URL replaced. */
function mapSources(
  initializer: WorkspaceInitializer,
  git: (source: GitInitializer) => GitInitializer,
  url: (source: string) => string,
): WorkspaceInitializer {
  const { spec } = initializer;
  switch (spec?.$case) {
    case 'git':
      return { spec: { $case: 'git', value: git(spec.value) } };
    case 'composite': {
      const parts = spec.value.initializer.map((part) => mapSources(part, git, url));
      return { spec: { $case: 'composite', value: { initializer: parts } } };
    }
    case 'prebuild':
      return { spec: { $case: 'prebuild', value: { ...spec.value, git: spec.value.git.map(git) } } };
    case 'download': {
      const files = spec.value.files.map((file) => ({ ...file, url: url(file.url) }));
      return { spec: { $case: 'download', value: { ...spec.value, files } } };
    }
    case 'empty':
    case 'snapshot':
    case 'backup':
    case undefined:
      return initializer;
  }
}
