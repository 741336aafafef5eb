import type { GitConfig, WorkspaceInitializer } from '../gen/content-service-api/initializer.js';

/** Secrets by their place in the initializer, e.g. `initializer.git.auth_password`. */
export type InitializerSecrets = Readonly<Record<string, string>>;

export interface SplitInitializer {
  /** The same request with empty secrets: fit for records, logs and comparison. */
  readonly initializer: WorkspaceInitializer;
  readonly secrets: InitializerSecrets;
}

/** Takes the secrets out of an initializer; the input stays as it is. `joinSecrets` puts them back. */
export function splitSecrets(initializer: WorkspaceInitializer): SplitInitializer {
  const secrets: Record<string, string> = {};
  const stripped = mapConfigs(initializer, 'initializer', (config, place) => {
    if (config.authPassword !== '') secrets[`${place}.auth_password`] = config.authPassword;
    if (config.authOts !== '') secrets[`${place}.auth_ots`] = config.authOts;
    return { ...config, authPassword: '', authOts: '' };
  });
  return { initializer: stripped, secrets };
}

/** The initializer with its secrets again; a place without a secret keeps what it has. */
export function joinSecrets(
  initializer: WorkspaceInitializer,
  secrets: InitializerSecrets,
): WorkspaceInitializer {
  return mapConfigs(initializer, 'initializer', (config, place) => ({
    ...config,
    authPassword: secrets[`${place}.auth_password`] ?? config.authPassword,
    authOts: secrets[`${place}.auth_ots`] ?? config.authOts,
  }));
}

type ChangeConfig = (config: GitConfig, place: string) => GitConfig;

/** A copy in which every Git configuration, however deep, is what `change` makes of it. */
function mapConfigs(
  initializer: WorkspaceInitializer,
  place: string,
  change: ChangeConfig,
): WorkspaceInitializer {
  const { spec } = initializer;
  switch (spec?.$case) {
    case 'git':
      return { spec: { $case: 'git', value: changeGit(spec.value, `${place}.git`, change) } };
    case 'prebuild': {
      const git = spec.value.git.map((one, index) =>
        changeGit(one, `${place}.prebuild.${index}.git`, change),
      );
      return { spec: { $case: 'prebuild', value: { ...spec.value, git } } };
    }
    case 'composite': {
      const children = spec.value.initializer.map((one, index) =>
        mapConfigs(one, `${place}.composite.${index}`, change),
      );
      return { spec: { $case: 'composite', value: { initializer: children } } };
    }
    case 'empty':
    case 'snapshot':
    case 'download':
    case 'backup':
    case undefined:
      return { spec };
  }
}

function changeGit<Git extends { readonly config: GitConfig | undefined }>(
  git: Git,
  place: string,
  change: ChangeConfig,
): Git {
  return git.config === undefined ? git : { ...git, config: change(git.config, place) };
}
