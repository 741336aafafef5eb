import type { Clock } from '../../gateways/clock.js';
import type { WorkspaceContentServiceService } from '../../gen/ws-daemon-api/daemon.js';
import type { Handlers } from '../../grpc/service-types.js';
import type { Instances } from '../instances.js';
import { backupWorkspace } from './backup-workspace.js';
import { disposeWorkspace } from './dispose-workspace.js';
import { initWorkspace } from './init-workspace.js';
import { isWorkspaceExists } from './is-workspace-exists.js';
import { type SnapshotNames, takeSnapshot } from './take-snapshot.js';
import { waitForInit } from './wait-for-init.js';

/** `wsdaemon.WorkspaceContentService`, one file per method; docs/answers.md says what each answers when. */
export function contentServiceHandlers(
  instances: Instances,
  clock: Clock,
  names: SnapshotNames,
): Handlers<WorkspaceContentServiceService> {
  return {
    initWorkspace: (request, call) => initWorkspace(instances, request, call),
    waitForInit: (request, call) => waitForInit(instances, request, call),
    isWorkspaceExists: async (request) => isWorkspaceExists(instances, request),
    takeSnapshot: (request, call) => takeSnapshot(instances, clock, names, request, call),
    disposeWorkspace: (request, call) => disposeWorkspace(instances, clock, request, call),
    backupWorkspace: (request, call) => backupWorkspace(instances, clock, request, call),
  };
}
