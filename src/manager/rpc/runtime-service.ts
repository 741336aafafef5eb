import type { Clock } from '../../gateways/clock.js';
import type { LogsRequest, LogsResponse, RuntimeServiceService } from '../../gen/steward/v1/runtime.js';
import type { CallContext, Handlers } from '../../grpc/service-types.js';
import { nonNegative, requiredText } from '../../grpc/validation.js';
import type { WorkspaceRuntime } from '../../runtime/workspace-runtime.js';
import type { Instances } from '../instances.js';
import type { PortForwarding } from '../runtime-ports.js';
import { runExec } from './exec-call.js';

export interface RuntimeServiceParts {
  readonly clock: Clock;
  readonly instances: Instances;
  readonly runtime: WorkspaceRuntime;
  readonly ports: PortForwarding;
}

/** `steward.v1.RuntimeService`. */
export function runtimeHandlers(parts: RuntimeServiceParts): Handlers<typeof RuntimeServiceService> {
  return {
    logs: (request, call) => logs(parts, request, call),
    exec: (requests, call) => runExec(parts, requests, call),
    listPorts: async ({ instanceId }) => ({
      ports: [...(await parts.ports.list(parts.instances.get(requiredText(instanceId, 'instance_id'))))],
    }),
  };
}

async function* logs(
  { instances, runtime }: RuntimeServiceParts,
  request: LogsRequest,
  { signal }: CallContext,
): AsyncGenerator<LogsResponse> {
  const instance = instances.get(requiredText(request.instanceId, 'instance_id'));
  const isOver = () => instance.isStopped || instance.record?.life.command.state === 'ended';
  const { follow, tailLines } = request;
  const offset = nonNegative(request.offset ?? 0n, 'offset');
  let next = offset;
  const output = runtime.logs(instance.parts.identity.instance, {
    follow,
    tailLines,
    offset,
    isOver,
    signal,
  });
  for await (const piece of output) {
    // With the last lines only, what comes before them was not asked for.
    const skipped = tailLines !== undefined && next === offset ? 0 : piece.offset - next;
    next = piece.offset + piece.data.length;
    yield {
      data: Buffer.from(piece.data),
      offset: BigInt(piece.offset),
      skippedBytes: skipped > 0 ? BigInt(skipped) : undefined,
    };
  }
}
