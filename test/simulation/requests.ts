import type { InitWorkspaceRequest } from '../../src/gen/ws-daemon-api/daemon.js';
import { OWNER } from './model.js';

/** In no file but those for secrets, and in no line that leaves. */
export const PASSWORD = 'correct-horse-battery';

type Initializer = NonNullable<InitWorkspaceRequest['initializer']>;

export const EMPTY: Initializer = { spec: { $case: 'empty', value: {} } };
export const FROM_BACKUP: Initializer = {
  spec: { $case: 'backup', value: { checkoutLocation: '', fromVolumeSnapshot: false } },
};

export function fromSnapshot(snapshot: string): Initializer {
  return { spec: { $case: 'snapshot', value: { snapshot, fromVolumeSnapshot: false } } };
}

/** A repository that needs a password; one with `missing` in its name does not exist. */
export function fromGit(repository: string): Initializer {
  const config = {
    customConfig: {},
    authentication: 1 as const,
    authUser: 'user',
    authPassword: PASSWORD,
    authOts: '',
  };
  return {
    spec: {
      $case: 'git',
      value: {
        remoteUri: `https://git.example/${repository}.git`,
        upstreamRemoteUri: '',
        targetMode: 0,
        cloneTaget: '',
        checkoutLocation: '',
        config,
        fullClone: false,
      },
    },
  };
}

export function initRequest(id: string, workspace: string, initializer: Initializer): InitWorkspaceRequest {
  return {
    id,
    metadata: { owner: OWNER, metaId: workspace },
    initializer,
    remoteStorageDisabled: false,
    storageQuotaBytes: 0n,
  };
}
