import { StewardError } from '../../../errors/steward-error.js';
import { SupervisionServiceService } from '../../../gen/steward/v1/supervision.js';
import type { Channel } from '../../../grpc/channel.js';
import { createClient } from '../../../grpc/client.js';
import type { Handlers } from '../../../grpc/service-types.js';
import type { Supervisor } from '../../../supervision/supervisor.js';
import { supervisionHandlers } from '../../../telemetry/supervision-service.js';

type Handling = Handlers<SupervisionServiceService>;

/** The manager's own tree, and with a node that of its daemon. */
export function supervisionOf(supervisor: Supervisor, channel: Channel, node: string): Handling {
  const own = supervisionHandlers(() => supervisor);
  const daemon = createClient(SupervisionServiceService, channel);
  const isOwn = (wanted: string) => {
    if (wanted === '') return true;
    if (wanted === node) return false;
    throw new StewardError('invalid-argument', `node: there is no daemon on a node ${wanted}`);
  };
  return {
    getTree: (request, call) =>
      isOwn(request.node)
        ? own.getTree(request, call)
        : daemon.getTree({ ...request, node: '' }, { signal: call.signal }),
    retryChild: (request, call) =>
      isOwn(request.node)
        ? own.retryChild(request, call)
        : daemon.retryChild({ ...request, node: '' }, { signal: call.signal }),
  };
}
