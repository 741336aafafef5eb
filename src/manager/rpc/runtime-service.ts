import { StewardError } from '../../errors/steward-error.js';
import type { RuntimeServiceService } from '../../gen/steward/v1/runtime.js';
import type { Handlers } from '../../grpc/service-types.js';
import { requiredText } from '../../grpc/validation.js';
import type { WorkspaceRuntime } from '../../runtime/workspace-runtime.js';
import type { Instances } from '../instances.js';

/** `steward.v1.RuntimeService`. */
export function runtimeHandlers(
  instances: Instances,
  runtime: WorkspaceRuntime,
): Handlers<typeof RuntimeServiceService> {
  return {
    logs: async function* ({ instanceId, follow, tailLines }, { signal }) {
      const instance = instances.get(requiredText(instanceId, 'instance_id'));
      const isOver = () => instance.isStopped || instance.record?.life.command.state === 'ended';
      const output = runtime.logs(instance.parts.identity.instance, { follow, tailLines, isOver, signal });
      for await (const data of output) yield { data: Buffer.from(data) };
    },
    listPorts: async () => {
      throw new StewardError('not-implemented', 'ListPorts is not offered by this version');
    },
    exec: () => {
      throw new StewardError('not-implemented', 'Exec is not offered by this version');
    },
  };
}
