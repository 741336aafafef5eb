import { formatDuration } from '../config/duration.js';
import type { Random } from '../gateways/random.js';
import { StartWorkspaceRequest, StartWorkspaceSpec, WorkspaceType } from '../gen/ws-manager-api/core.js';
import type { Variable } from './arguments.js';
import { WORKSPACE_ID_RANDOM_LENGTH } from './bounds.js';
import { givenValue } from './given-value.js';
import { type ContentOptions, initializerOf, repositoryName } from './initializer-options.js';
import { UsageError } from './usage-error.js';

export interface StartOptions extends ContentOptions {
  readonly workspace?: string;
  readonly instance?: string;
  readonly owner?: string;
  readonly command?: readonly string[];
  readonly env?: readonly Variable[];
  /** Limits in milliseconds: without use, after the editor was closed, altogether. */
  readonly unused?: number;
  readonly closed?: number;
  readonly lifetime?: number;
  /** Ports exposed to the owner from the beginning. */
  readonly port?: readonly number[];
  /** It runs its tasks, tells how they went, and stops. */
  readonly headless?: boolean;
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
      timeout: limitText(options.unused),
      closedTimeout: limitText(options.closed),
      maximumLifetime: limitText(options.lifetime),
      ports: (options.port ?? []).map((port) => ({ port, visibility: 0, protocol: 0, url: '' })),
    }),
    type: options.headless === true ? WorkspaceType.PREBUILD : WorkspaceType.REGULAR,
  });
}

/** What is not said is the manager's to choose. */
function limitText(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : formatDuration(milliseconds);
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

function newWorkspaceId(url: string, random: Random): string {
  const bytes = random.bytes(WORKSPACE_ID_RANDOM_LENGTH);
  const suffix = [...bytes].map((byte) => ALPHABET.charAt(byte % ALPHABET.length)).join('');
  return `${repositoryName(url).toLowerCase() || 'workspace'}-${suffix}`;
}
