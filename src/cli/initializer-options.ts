import {
  CloneTargetMode,
  type FileDownloadInitializer_FileInfo,
  GitAuthMethod,
  type GitInitializer,
  type WorkspaceInitializer,
} from '../gen/content-service-api/initializer.js';
import { WORKSPACE_ID_NAME_LENGTH_MAX } from './bounds.js';
import { UsageError } from './usage-error.js';

/** The options that say what to put into the content folder. */
export interface ContentOptions {
  readonly git?: string;
  readonly branch?: string;
  readonly commit?: string;
  readonly checkoutLocation?: string;
  readonly fullClone?: boolean;
  readonly empty?: boolean;
  readonly fromSnapshot?: string;
  /** The same. */
  readonly snapshot?: string;
  readonly prebuild?: string;
  readonly download?: readonly FileDownloadInitializer_FileInfo[];
  readonly fromBackup?: boolean;
  /** What --initializer FILE holds. */
  readonly composed?: WorkspaceInitializer;
}

type Spec = NonNullable<WorkspaceInitializer['spec']>;

/** What to put into the content folder; exactly one source must be named. Throws UsageError. */
export function initializerOf(options: ContentOptions): WorkspaceInitializer {
  const sources = sourcesIn(options);
  const [only, second] = sources;
  if (only === undefined) {
    throw new UsageError(
      'say where the content comes from: --git URL, --empty, --snapshot URL, --prebuild URL, --download URL=PATH#DIGEST, --from-backup or --initializer FILE',
    );
  }
  if (second !== undefined) throw new UsageError(`${only[0]} and ${second[0]} cannot be used together`);
  if (options.git === undefined) refuseGitOptions(options);
  return { spec: only[1] };
}

function sourcesIn(options: ContentOptions): readonly (readonly [flag: string, spec: Spec])[] {
  const sources: (readonly [flag: string, spec: Spec])[] = [];
  const { git, snapshot, fromSnapshot, prebuild, download, composed } = options;
  const repository = git === undefined ? undefined : gitOf(git, options);
  if (prebuild !== undefined) {
    const value = { prebuild: snapshotAt(prebuild), git: repository === undefined ? [] : [repository] };
    sources.push(['--prebuild', { $case: 'prebuild', value }]);
  } else if (repository !== undefined) sources.push(['--git', { $case: 'git', value: repository }]);
  if (options.empty === true) sources.push(['--empty', { $case: 'empty', value: {} }]);
  if (snapshot !== undefined)
    sources.push(['--snapshot', { $case: 'snapshot', value: snapshotAt(snapshot) }]);
  if (fromSnapshot !== undefined) {
    sources.push(['--from-snapshot', { $case: 'snapshot', value: snapshotAt(fromSnapshot) }]);
  }
  if (download !== undefined) {
    sources.push(['--download', { $case: 'download', value: { files: [...download], targetLocation: '' } }]);
  }
  if (options.fromBackup === true) {
    const value = { checkoutLocation: options.checkoutLocation ?? '', fromVolumeSnapshot: false };
    sources.push(['--from-backup', { $case: 'backup', value }]);
  }
  if (composed?.spec !== undefined) sources.push(['--initializer', composed.spec]);
  return sources;
}

function snapshotAt(snapshot: string) {
  return { snapshot, fromVolumeSnapshot: false };
}

function refuseGitOptions({ branch, commit, fullClone }: ContentOptions): void {
  const flag =
    (branch !== undefined && '--branch') ||
    (commit !== undefined && '--commit') ||
    (fullClone === true && '--full-clone');
  if (flag !== false) throw new UsageError(`${flag} goes with --git only`);
}

function gitOf(remoteUri: string, options: ContentOptions): GitInitializer {
  const { branch, commit, checkoutLocation, fullClone } = options;
  if (branch !== undefined && commit !== undefined) {
    throw new UsageError('--branch and --commit cannot be used together');
  }
  const targetMode =
    (branch !== undefined && CloneTargetMode.REMOTE_BRANCH) ||
    (commit !== undefined && CloneTargetMode.REMOTE_COMMIT) ||
    CloneTargetMode.REMOTE_HEAD;
  return {
    remoteUri,
    upstreamRemoteUri: '',
    targetMode,
    cloneTaget: branch ?? commit ?? '',
    checkoutLocation: checkoutLocation ?? repositoryName(remoteUri),
    config: {
      customConfig: {},
      authentication: GitAuthMethod.NO_AUTH,
      authUser: '',
      authPassword: '',
      authOts: '',
    },
    fullClone: fullClone === true,
  };
}

/** Name of the repository behind a clone URL, fit for a folder and for ids; '' when there is none. */
export function repositoryName(url: string): string {
  const last = url.replace(/[/]+$/, '').split(/[/:]/).at(-1) ?? '';
  return last
    .replace(/\.git$/, '')
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, WORKSPACE_ID_NAME_LENGTH_MAX);
}
