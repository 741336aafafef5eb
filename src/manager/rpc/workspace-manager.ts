import { phaseOf } from '../../../machines/workspace-phase.js';
import { StewardError } from '../../errors/steward-error.js';
import type { World } from '../../gateways/world.js';
import {
  type DescribeClusterResponse,
  type StartWorkspaceRequest,
  type StartWorkspaceResponse,
  StopWorkspacePolicy,
  type WorkspaceManagerService,
} from '../../gen/ws-manager-api/core.js';
import type { Handlers } from '../../grpc/service-types.js';
import { requiredText } from '../../grpc/validation.js';
import { GRACE_IMMEDIATELY_MS, GRACE_NORMALLY_MS, STOP_RECORD_WAIT_MS } from '../bounds.js';
import type { ManagerConfig } from '../config.js';
import type { ContentDaemon } from '../content-daemon.js';
import { withDeadline } from '../deadline.js';
import { matches } from '../filter.js';
import type { Instance } from '../instance/instance.js';
import { openRequest } from '../instance/request.js';
import type { Instances } from '../instances.js';
import { newOwnerToken } from '../owner-token.js';
import { statusOf } from '../status.js';
import type { StatusFeed } from '../status-feed.js';
import { checkedStart } from './start-request.js';

export interface WorkspaceManagerParts {
  readonly config: ManagerConfig;
  readonly world: World;
  readonly instances: Instances;
  readonly feed: StatusFeed;
  readonly daemon: ContentDaemon;
}

/** `wsman.WorkspaceManager`. */
export function workspaceManager(parts: WorkspaceManagerParts): Handlers<typeof WorkspaceManagerService> {
  const { config, world, instances, feed, daemon } = parts;
  const status = (instance: Instance) => {
    if (instance.record === undefined) throw new StewardError('internal', 'the instance has no record');
    return statusOf(config, instance.record, instance.parts.ownerToken);
  };
  return {
    startWorkspace: (request, call) => startWorkspace(parts, request, call.signal),
    stopWorkspace: async ({ id, policy }, { signal }) => {
      const request = stopRequestOf(policy);
      await withDeadline(world.clock, STOP_RECORD_WAIT_MS, signal, (waiting) =>
        instances.stop(requiredText(id, 'id'), request, waiting),
      );
      return {};
    },
    getWorkspaces: async ({ mustMatch }) => {
      const all = instances.ids().map((id) => status(instances.get(id)));
      return { status: all.filter((one) => matches(mustMatch, one)) };
    },
    describeWorkspace: async ({ id }) => ({
      status: status(instances.get(requiredText(id, 'id'))),
      lastActivity: '',
    }),
    subscribe: async function* ({ mustMatch }, { signal }) {
      for await (const one of feed.subscribe(mustMatch, signal)) yield { status: one, header: {} };
    },
    takeSnapshot: async ({ id, returnImmediately }, { signal }) => {
      const instance = running(instances.get(requiredText(id, 'id')));
      return { url: await daemon.snapshot(instance.parts.identity.instance, returnImmediately, signal) };
    },
    backupWorkspace: async ({ id }, { signal }) => {
      const { parts: known } = instances.get(requiredText(id, 'id'));
      return { url: await daemon.backup(known.identity.instance, signal) };
    },
    describeCluster: async () => describeCluster(config),
    markActive: () => notOffered('MarkActive'),
    setTimeout: () => notOffered('SetTimeout'),
    controlPort: () => notOffered('ControlPort'),
    controlAdmission: () => notOffered('ControlAdmission'),
    deleteVolumeSnapshot: () => notOffered('DeleteVolumeSnapshot'),
    updateSshKey: () => notOffered('UpdateSSHKey'),
  };
}

async function startWorkspace(
  { config, world, instances }: WorkspaceManagerParts,
  request: StartWorkspaceRequest,
  signal: AbortSignal,
): Promise<StartWorkspaceResponse> {
  const checked = checkedStart(config, request);
  const { identity, kind } = checked;
  const { encoded, fingerprint, hasSecrets } = openRequest(checked.request);
  const url = config.urlTemplate
    .replaceAll('{id}', identity.instance)
    .replaceAll('{prefix}', identity.workspace);
  const ownerToken = newOwnerToken(world.random);
  const parts = { identity, kind, encoded, fingerprint, hasSecrets, url, ownerToken };
  const instance = await instances.start(parts, checked.request, signal);
  return { url: instance.parts.url, ownerToken: instance.parts.ownerToken };
}

/** Policies nobody knows count as the ordinary one. */
function stopRequestOf(policy: StopWorkspacePolicy) {
  switch (policy) {
    case StopWorkspacePolicy.IMMEDIATELY:
      return { graceMs: GRACE_IMMEDIATELY_MS, aborted: false };
    case StopWorkspacePolicy.ABORT:
      return { graceMs: GRACE_IMMEDIATELY_MS, aborted: true };
    default:
      return { graceMs: GRACE_NORMALLY_MS, aborted: false };
  }
}

function running(instance: Instance): Instance {
  const phase = instance.record === undefined ? 'pending' : phaseOf(instance.record.life);
  if (phase === 'running') return instance;
  throw new StewardError('wrong-state', `the instance is ${phase}, and a snapshot needs it running`);
}

function describeCluster({ classes, preferredClass }: ManagerConfig): DescribeClusterResponse {
  const sorted = Object.entries(classes).sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    workspaceClasses: sorted.map(([id, { name, description, creditsPerMinute }]) => ({
      id,
      displayName: name,
      description,
      creditsPerMinute,
    })),
    preferredWorkspaceClass: preferredClass,
  };
}

async function notOffered(method: string): Promise<never> {
  throw new StewardError('not-implemented', `${method} is not offered by this version`);
}
