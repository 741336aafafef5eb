import type { Clock } from '../../gateways/clock.js';
import type { LogsRequest, LogsResponse, RuntimeServiceService } from '../../gen/steward/v1/runtime.js';
import type { CallContext, Handlers } from '../../grpc/service-types.js';
import { nonNegative, requiredText } from '../../grpc/validation.js';
import { EXECS_MAX } from '../../runtime/bounds.js';
import type { WorkspaceRuntime } from '../../runtime/workspace-runtime.js';
import { LOG_READERS_MAX, LOG_READERS_PER_INSTANCE_MAX } from '../bounds.js';
import type { Instance } from '../instance/instance.js';
import type { Instances } from '../instances.js';
import type { PortForwarding } from '../runtime-ports.js';
import { runExec } from './exec-call.js';
import { OpenStreams } from './open-streams.js';

export interface RuntimeServiceParts {
  readonly clock: Clock;
  readonly instances: Instances;
  readonly runtime: Pick<WorkspaceRuntime, 'exec' | 'logs'>;
  readonly ports: PortForwarding;
}

/** `steward.v1.RuntimeService`. */
export function runtimeHandlers(parts: RuntimeServiceParts): Handlers<typeof RuntimeServiceService> {
  const commands = new OpenStreams('commands', EXECS_MAX, EXECS_MAX);
  const readers = new OpenStreams('readers of output', LOG_READERS_MAX, LOG_READERS_PER_INSTANCE_MAX);
  return {
    logs: (request, call) => logs(parts, readers, request, call),
    exec: (requests, call) => runExec({ ...parts, open: commands }, requests, call),
    listPorts: async ({ instanceId }) => ({
      ports: [...(await parts.ports.list(parts.instances.get(requiredText(instanceId, 'instance_id'))))],
    }),
  };
}

/** Counted, because each looks at files again and again as long as it is open. */
async function* logs(
  parts: RuntimeServiceParts,
  readers: OpenStreams,
  request: LogsRequest,
  { signal }: CallContext,
): AsyncGenerator<LogsResponse> {
  const instance = parts.instances.get(requiredText(request.instanceId, 'instance_id'));
  const leave = readers.enter(request.instanceId);
  try {
    yield* output(parts.runtime, instance, request, signal);
  } finally {
    leave();
  }
}

async function* output(
  runtime: RuntimeServiceParts['runtime'],
  instance: Instance,
  request: LogsRequest,
  signal: AbortSignal,
): AsyncGenerator<LogsResponse> {
  const isOver = () => instance.isStopped || instance.record?.life.command.state === 'ended';
  const { follow, tailLines } = request;
  const offset = nonNegative(request.offset ?? 0n, 'offset');
  let next = offset;
  const pieces = runtime.logs(instance.parts.identity.instance, {
    follow,
    tailLines,
    offset,
    isOver,
    signal,
  });
  for await (const piece of pieces) {
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
