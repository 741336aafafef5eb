import type { World } from '../../../gateways/world.js';
import type {
  ContentServiceService,
  WatchTransitionsRequest,
  WatchTransitionsResponse,
} from '../../../gen/steward/v1/content_service.js';
import type { ServiceClient } from '../../../grpc/client.js';
import type { CallContext } from '../../../grpc/service-types.js';
import { watchTransitions } from '../../../telemetry/transition-stream.js';
import { MANAGER_NODE, type Transitions } from '../../transitions.js';
import { followDaemon } from './follow-daemon.js';
import { merged } from './merged.js';

/**
 * The manager's own transitions and those of its daemon as one stream, each with its own sequences. A daemon that is
 * away for a moment does not end it.
 */
export async function* watchAll(
  transitions: Transitions,
  daemon: Pick<ServiceClient<ContentServiceService>, 'watchTransitions'>,
  world: Pick<World, 'clock' | 'random'>,
  request: WatchTransitionsRequest,
  call: CallContext,
): AsyncGenerator<WatchTransitionsResponse> {
  const leaving = new AbortController();
  const signal = AbortSignal.any([call.signal, leaving.signal]);
  try {
    yield* merged([
      watchTransitions(transitions, MANAGER_NODE, request, { ...call, signal }),
      followDaemon(daemon, world, request, signal),
    ]);
  } finally {
    leaving.abort();
  }
}
