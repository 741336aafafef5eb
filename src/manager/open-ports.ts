import { join } from 'node:path';
import type { Logger } from 'pino';
import { isInstanceId } from '../../machines/ids.js';
import { makeDurableDirectory } from '../gateways/durable.js';
import type { World } from '../gateways/world.js';
import { RecordStore } from '../records/record-store.js';
import { HostPorts, reservedSchema } from '../runtime/ports/host-ports.js';
import type { WorkspaceRuntime } from '../runtime/workspace-runtime.js';
import type { ManagerConfig } from './config.js';
import { LocalPorts } from './runtime-ports.js';

/** Never another address: whoever reaches a public port is asked nothing. */
const LOOPBACK = '127.0.0.1';

/** Ports of this machine, with what an earlier life reserved. */
export async function openPorts(
  { stateFolder, hostPorts: { first, last } }: ManagerConfig,
  world: World,
  logger: Logger,
  runtime: WorkspaceRuntime,
): Promise<LocalPorts> {
  await makeDurableDirectory(world.files, stateFolder, 0o711);
  const store = await RecordStore.open(world, {
    folder: join(stateFolder, 'host-ports'),
    setAside: join(stateFolder, 'set-aside'),
    schema: reservedSchema,
    onAlarm: (alarm) => logger.error({ alarm }, 'a record was set aside'),
  });
  const range = { host: LOOPBACK, first, last };
  const hostPorts = new HostPorts(range, store);
  await hostPorts.load(isInstanceId);
  return new LocalPorts({ range, hostPorts, runtime, logger });
}
