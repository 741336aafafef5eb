import type { Clock } from '../../../gateways/clock.js';
import type {
  ContentServiceService,
  GetHistoryRequest,
  GetHistoryResponse,
} from '../../../gen/steward/v1/content_service.js';
import type { Transition } from '../../../gen/steward/v1/transition.js';
import type { ServiceClient } from '../../../grpc/client.js';
import { pageSize, requiredInstanceId } from '../../../grpc/validation.js';
import { wireTransition } from '../../../telemetry/wire-transition.js';
import { HISTORY_SHOWN_MAX } from '../../bounds.js';
import { MANAGER_NODE, type Transitions } from '../../transitions.js';
import { daemonPart } from './daemon-part.js';

export type HistorySource = Pick<ServiceClient<ContentServiceService>, 'getHistory'>;

/** The story of an instance and its content, by time. Without its daemon it is shorter, and says so. */
export async function wholeHistory(
  transitions: Transitions,
  daemon: HistorySource,
  clock: Clock,
  request: GetHistoryRequest,
  signal: AbortSignal,
): Promise<GetHistoryResponse> {
  const id = requiredInstanceId(request.instanceId, 'instance_id');
  const limit = pageSize(request.limit, 'limit', HISTORY_SHOWN_MAX);
  const kept = await transitions.publisher.history(id, limit + 1);
  const own = kept.map((transition) => wireTransition(transition, MANAGER_NODE));
  const { transitions: content, truncated } = await daemonPart(
    clock,
    signal,
    (asking) => daemon.getHistory({ instanceId: id, limit }, { signal: asking }),
    (silence) => {
      if (own.length === 0) throw silence;
      return { transitions: [], truncated: true };
    },
  );
  const all = [...own, ...content].sort(byTime);
  return { transitions: all.slice(-limit), truncated: truncated || all.length > limit };
}

/** Of what happened in the same millisecond the manager's part comes first: it asks, the daemon does. */
function byTime(a: Transition, b: Transition): number {
  return a.atMs < b.atMs ? -1 : a.atMs > b.atMs ? 1 : 0;
}
