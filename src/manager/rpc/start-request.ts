import type { Identity } from '../../../machines/content-types.js';
import type { WorkspaceKind } from '../../../machines/workspace-phase.js';
import { planOf } from '../../content/initializers/table.js';
import { StewardError } from '../../errors/steward-error.js';
import {
  type EnvironmentVariable,
  StartWorkspaceRequest,
  type StartWorkspaceSpec,
  WorkspaceType,
} from '../../gen/ws-manager-api/core.js';
import {
  optionalText,
  requiredInstanceId,
  requiredMessage,
  requiredOwnerId,
  requiredText,
  requiredWorkspaceId,
} from '../../grpc/validation.js';
import { ENVIRONMENT_MAX, REQUEST_BYTES_MAX } from '../bounds.js';
import { DEFAULT_CLASS, type ManagerConfig } from '../config.js';
import { type InstanceSettings, settingsOf } from '../instance/settings.js';
import { workOf } from '../instance/tasks.js';

export interface CheckedStart {
  readonly identity: Identity;
  readonly kind: WorkspaceKind;
  /** With the class that will be used. */
  readonly request: StartWorkspaceRequest;
  readonly settings: InstanceSettings;
}

/** Everything about a start request that can be said without looking at other instances, in the known order. */
export function checkedStart(config: ManagerConfig, request: StartWorkspaceRequest): CheckedStart {
  const spec = requiredMessage(request.spec, 'spec');
  checkSpec(spec);
  const instance = requiredInstanceId(request.id, 'id');
  const kind = kindOf(request.type);
  if (kind === 'regular') requiredText(request.servicePrefix, 'service_prefix');
  const metadata = requiredMessage(request.metadata, 'metadata');
  const identity = {
    instance,
    workspace: requiredWorkspaceId(metadata.metaId, 'metadata.meta_id'),
    owner: requiredOwnerId(metadata.owner, 'metadata.owner'),
  };
  const settings = settingsOf(spec);
  const classed = { ...request, spec: { ...spec, class: classOf(config, spec.class) } };
  workOf(kind, metadata.annotations, spec, config.defaultCommand);
  checkVariables(spec.envvars, 'spec.envvars');
  checkVariables(spec.sysEnvvars, 'spec.sys_envvars');
  if (StartWorkspaceRequest.encode(classed).finish().length > REQUEST_BYTES_MAX) {
    throw invalid(`the request is larger than ${REQUEST_BYTES_MAX} bytes`);
  }
  return { identity, kind, request: classed, settings };
}

function checkSpec(spec: StartWorkspaceSpec): void {
  requiredText(spec.workspaceImage, 'spec.workspace_image');
  requiredText(spec.workspaceLocation, 'spec.workspace_location');
  optionalText(spec.git?.username ?? '', 'spec.git.username');
  optionalText(spec.git?.email ?? '', 'spec.git.email');
  // The daemon would refuse it too, but only after the start was answered.
  planOf(requiredMessage(spec.initializer, 'spec.initializer'));
  const ports = spec.ports.map(({ port }) => port);
  if (new Set(ports).size !== ports.length) throw invalid('spec.ports names a port twice');
}

function kindOf(type: WorkspaceType): WorkspaceKind {
  switch (type) {
    case WorkspaceType.REGULAR:
      return 'regular';
    case WorkspaceType.PREBUILD:
      return 'prebuild';
    case WorkspaceType.IMAGEBUILD:
      return 'imagebuild';
    default:
      throw invalid('type is not a known workspace type');
  }
}

/** An unknown class stands for the default one, as clients expect. */
function classOf(config: ManagerConfig, name: string): string {
  if (Object.hasOwn(config.classes, name)) return name;
  if (Object.hasOwn(config.classes, DEFAULT_CLASS)) return DEFAULT_CLASS;
  throw invalid('spec.class is not a known class, and there is no default one');
}

/** Variables are told by name only: their values may be secret. */
function checkVariables(variables: readonly EnvironmentVariable[], field: string): void {
  if (variables.length > ENVIRONMENT_MAX)
    throw invalid(`${field} has more than ${ENVIRONMENT_MAX} variables`);
  for (const [index, { name, value, secret }] of variables.entries()) {
    if (!/^[^=\0]+$/.test(name)) throw invalid(`${field}[${index}].name is empty or contains "=" or NUL`);
    if (value.includes('\0')) throw invalid(`${field}[${index}].value contains NUL`);
    if (secret !== undefined) throw invalid(`${field}[${index}].secret needs a cluster that keeps secrets`);
  }
}

function invalid(message: string): StewardError {
  return new StewardError('invalid-argument', message);
}
