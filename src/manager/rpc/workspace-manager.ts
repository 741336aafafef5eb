import { phaseOf } from '../../../machines/workspace-phase.js';
import { StewardError } from '../../errors/steward-error.js';
import { withDeadline } from '../../gateways/deadline.js';
import type { World } from '../../gateways/world.js';
import {
  type StartWorkspaceRequest,
  type StartWorkspaceResponse,
  StopWorkspacePolicy,
  type WorkspaceManagerService,
} from '../../gen/ws-manager-api/core.js';
import type { Handlers } from '../../grpc/service-types.js';
import { optionalText, requiredText } from '../../grpc/validation.js';
import { GRACE_IMMEDIATELY_MS, GRACE_NORMALLY_MS, STOP_RECORD_WAIT_MS } from '../bounds.js';
import type { ManagerConfig } from '../config.js';
import type { ContentDaemon } from '../content-daemon.js';
import { matches } from '../filter.js';
import type { Instance } from '../instance/instance.js';
import { openRequest } from '../instance/request.js';
import type { Instances } from '../instances.js';
import type { Maintenance } from '../maintenance.js';
import { newOwnerToken } from '../owner-token.js';
import type { PortForwarding } from '../runtime-ports.js';
import { statusOf } from '../status.js';
import type { StatusFeed } from '../status-feed.js';
import { changingCalls } from './change-instance.js';
import { describeCluster } from './describe-cluster.js';
import { checkedStart } from './start-request.js';

export interface WorkspaceManagerParts {
  readonly config: ManagerConfig;
  readonly world: World;
  readonly instances: Instances;
  readonly feed: StatusFeed;
  readonly maintenance: Maintenance;
  readonly ports: PortForwarding;
  readonly daemon: ContentDaemon;
}

/** `wsman.WorkspaceManager`. */
export function workspaceManager(parts: WorkspaceManagerParts): Handlers<typeof WorkspaceManagerService> {
  const { config, world, instances, feed, maintenance, ports, daemon } = parts;
  const status = (instance: Instance) => {
    if (instance.record === undefined) throw new StewardError('internal', 'the instance has no record');
    return statusOf(config, ports, instance.record, instance.parts);
  };
  return {
    startWorkspace: (request, call) => startWorkspace(parts, request, call.signal),
    stopWorkspace: async ({ id, policy }, { signal }) => {
      await maintenance.refuse();
      const request = stopRequestOf(policy);
      await withDeadline(world.clock, STOP_RECORD_WAIT_MS, 'the stop', signal, (waiting) =>
        // An empty id is one that nobody knows, and nothing that nobody knows runs.
        instances.stop(optionalText(id, 'id'), request, waiting),
      );
      return {};
    },
    getWorkspaces: async ({ mustMatch }) => {
      const all = instances.ids().map((id) => status(instances.get(id)));
      return { status: all.filter((one) => matches(mustMatch, one)) };
    },
    describeWorkspace: async ({ id }) => {
      const instance = instances.get(requiredText(id, 'id'));
      const last = instance.record?.activity.last;
      return { status: status(instance), lastActivity: last === undefined ? '' : goTime(last) };
    },
    subscribe: async function* ({ mustMatch }, { signal }) {
      for await (const one of feed.subscribe(mustMatch, signal)) yield { status: one, header: {} };
    },
    takeSnapshot: async ({ id, returnImmediately }, { signal }) => {
      await maintenance.refuse();
      const instance = running(instances.get(requiredText(id, 'id')));
      return { url: await daemon.snapshot(instance.parts.identity.instance, returnImmediately, signal) };
    },
    backupWorkspace: async ({ id }, { signal }) => {
      const { parts: known } = instances.get(requiredText(id, 'id'));
      return { url: await daemon.backup(known.identity.instance, signal) };
    },
    describeCluster: async () => describeCluster(config),
    ...changingCalls(instances, ports),
    deleteVolumeSnapshot: async () => {
      throw new StewardError(
        'needs-cluster',
        'volume snapshots belong to a cluster that has volumes; this manager keeps content in object storage',
      );
    },
  };
}

async function startWorkspace(
  { config, world, instances, maintenance }: WorkspaceManagerParts,
  request: StartWorkspaceRequest,
  signal: AbortSignal,
): Promise<StartWorkspaceResponse> {
  await maintenance.refuse();
  const checked = checkedStart(config, request);
  const { identity, kind, settings } = checked;
  const { encoded, fingerprint, hasSecrets } = openRequest(checked.request);
  const url = config.urlTemplate
    .replaceAll('{id}', identity.instance)
    .replaceAll('{prefix}', identity.workspace);
  const ownerToken = newOwnerToken(world.random);
  const parts = { identity, kind, encoded, fingerprint, hasSecrets, url, ownerToken, settings };
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

/** RFC 3339 as Go writes it with up to nanoseconds: without zeros at the end. */
function goTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.?0*Z$/, 'Z');
}
