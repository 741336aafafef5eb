import type { Random } from '../gateways/random.js';
import {
  CloneTargetMode,
  GitAuthMethod,
  type GitInitializer,
  type WorkspaceInitializer,
} from '../gen/content-service-api/initializer.js';
import { StartWorkspaceRequest, StartWorkspaceSpec, WorkspaceType } from '../gen/ws-manager-api/core.js';
import type { Variable } from './arguments.js';
import { WORKSPACE_ID_NAME_LENGTH_MAX, WORKSPACE_ID_RANDOM_LENGTH } from './bounds.js';
import { UsageError } from './usage-error.js';

export interface ContentOptions {
  readonly git?: string;
  readonly branch?: string;
  readonly commit?: string;
  readonly checkoutLocation?: string;
  readonly fullClone?: boolean;
  readonly empty?: boolean;
  readonly fromSnapshot?: string;
  readonly fromBackup?: boolean;
}

export interface StartOptions extends ContentOptions {
  readonly workspace?: string;
  readonly instance?: string;
  readonly owner?: string;
  readonly command?: readonly string[];
  readonly env?: readonly Variable[];
}

/** Annotation that names the command of a workspace. */
const COMMAND_ANNOTATION = 'steward.dev/command';
/** Images mean nothing on one machine, but the contract wants one. */
const LOCAL_IMAGE = 'local';
const WORKSPACE_LOCATION = '/workspace';

export interface StartContext {
  readonly random: Random;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly owner: string;
}

/** The whole request: what the options say, and ids made up for what they do not. Throws UsageError. */
export function startRequestOf(options: StartOptions, words: readonly string[], context: StartContext) {
  const initializer = initializerOf(options);
  if (options.fromBackup === true && options.workspace === undefined) {
    throw new UsageError('--from-backup needs --workspace: the workspace whose backup it is');
  }
  const workspace = options.workspace ?? newWorkspaceId(options.git ?? '', context.random);
  const command = [...(options.command ?? []), ...words];
  const annotations: Record<string, string> =
    command.length === 0 ? {} : { [COMMAND_ANNOTATION]: JSON.stringify(command) };
  return StartWorkspaceRequest.fromPartial({
    id: options.instance ?? context.random.uuid(),
    servicePrefix: workspace,
    metadata: { owner: options.owner ?? context.owner, metaId: workspace, annotations },
    spec: StartWorkspaceSpec.fromPartial({
      workspaceImage: LOCAL_IMAGE,
      workspaceLocation: WORKSPACE_LOCATION,
      initializer,
      envvars: (options.env ?? []).map((variable) => ({
        name: variable.name,
        value: givenValue(variable, context.env),
        secret: undefined,
      })),
    }),
    type: WorkspaceType.REGULAR,
  });
}

/** What to put into the content folder; exactly one source must be named. */
export function initializerOf(options: ContentOptions): WorkspaceInitializer {
  const sources: (readonly [flag: string, spec: WorkspaceInitializer['spec']])[] = [];
  if (options.git !== undefined)
    sources.push(['--git', { $case: 'git', value: gitOf(options.git, options) }]);
  if (options.empty === true) sources.push(['--empty', { $case: 'empty', value: {} }]);
  if (options.fromSnapshot !== undefined) {
    const value = { snapshot: options.fromSnapshot, fromVolumeSnapshot: false };
    sources.push(['--from-snapshot', { $case: 'snapshot', value }]);
  }
  if (options.fromBackup === true) {
    const value = { checkoutLocation: options.checkoutLocation ?? '', fromVolumeSnapshot: false };
    sources.push(['--from-backup', { $case: 'backup', value }]);
  }
  const [only, second] = sources;
  if (only === undefined) {
    throw new UsageError(
      'say where the content comes from: --git URL, --empty, --from-snapshot URL or --from-backup',
    );
  }
  if (second !== undefined) throw new UsageError(`${only[0]} and ${second[0]} cannot be used together`);
  if (options.git === undefined) refuseGitOptions(options);
  return { spec: only[1] };
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

function givenValue({ name, value }: Variable, env: StartContext['env']): string {
  const found = value ?? env[name];
  if (found === undefined) throw new UsageError(`--env ${name}: there is no such variable to pass on`);
  return found;
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

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

function newWorkspaceId(url: string, random: Random): string {
  const bytes = random.bytes(WORKSPACE_ID_RANDOM_LENGTH);
  const suffix = [...bytes].map((byte) => ALPHABET.charAt(byte % ALPHABET.length)).join('');
  return `${repositoryName(url).toLowerCase() || 'workspace'}-${suffix}`;
}
