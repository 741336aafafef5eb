import type { GetLoadResponse, NodeLoad } from '../../../gen/steward/v1/content_service.js';
import { WorkspaceContentState } from '../../../gen/ws-daemon-api/daemon.js';
import { QUEUE_NAMES } from '../../queues/queue-limits.js';
import { presentStatus } from './get-content.js';
import type { StewardContentOptions } from './options.js';

/** What this node has to do now, and how much room it has. */
export function getLoad(options: StewardContentOptions): GetLoadResponse {
  const { core, node, room } = options;
  const disk = room.disks.at(-1);
  return {
    nodes: [
      {
        node,
        queues: QUEUE_NAMES.map((name) => {
          const { running, waiting, slots, oldestWaitingMs } = core.queues.state(name);
          return { name, running, waiting, slots, longestWaitMs: BigInt(Math.round(oldestWaitingMs)) };
        }),
        diskFreeBytes: BigInt(disk?.freeBytes ?? 0),
        diskTotalBytes: BigInt(disk?.totalBytes ?? 0),
        refusal: room.problem?.message ?? '',
        ...countedInstances(options),
      },
    ],
  };
}

function countedInstances(
  options: StewardContentOptions,
): Pick<NodeLoad, 'instancesByState' | 'parked' | 'backupsAtRisk'> {
  const { instances } = options.core;
  const absences = instances.absences();
  const instancesByState: Record<string, number> = {};
  let parked = 0;
  let backupsAtRisk = 0;
  for (const { instance } of instances.identities()) {
    const status = presentStatus(options, instance, () => absences);
    if (status === undefined) continue;
    const state = STATE_NAMES.get(status.state) ?? String(status.state);
    instancesByState[state] = (instancesByState[state] ?? 0) + 1;
    if (status.parked !== undefined) parked += 1;
    if (status.backupAtRiskSinceMs !== undefined) backupsAtRisk += 1;
  }
  return { instancesByState, parked, backupsAtRisk };
}

const STATE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(WorkspaceContentState).map(([name, number]) => [number, name]),
);
