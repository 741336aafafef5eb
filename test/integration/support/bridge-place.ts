import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { type BridgeConfig, bridgeConfigSchema } from '../../../src/bridge/config.js';
import { startBridge } from '../../../src/bridge/start-bridge.js';
import { openSqlite } from '../../../src/database/database.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { BridgeServiceService, ListInstancesRequest } from '../../../src/gen/steward/v1/bridge.js';
import { SystemServiceService } from '../../../src/gen/steward/v1/system.js';
import { ClusterServiceService } from '../../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { createChannel } from '../../../src/grpc/channel.js';
import { createClient } from '../../../src/grpc/client.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** A bridge without clusters unless told otherwise, and everything that talks to it. */
export async function startedBridge(but: Partial<BridgeConfig> = {}) {
  const folder = await temporaryFolder();
  const file = join(folder, 'steward.db');
  const registry = new Registry();
  const config = bridgeConfigSchema.parse({
    databaseFile: file,
    listen: [`unix:${join(folder, 'b.sock')}`],
    controllerIntervalSeconds: 1,
    wsClusterDBReconcileIntervalSeconds: 1,
    ...but,
  });
  const world = realWorld();
  const bridge = await startBridge(config, {
    ...{ world, registry, logger: pino({ level: 'silent' }), version: '0.0.0' },
  });
  onTestFinished(() => bridge.stop());
  const channel = createChannel(bridge.addresses[0] ?? '', { clock: world.clock });
  onTestFinished(() => channel.close());
  const client = createClient(BridgeServiceService, channel);
  const database = openSqlite(file);
  onTestFinished(() => database.close());
  return {
    ...{ bridge, client, database, address: bridge.addresses[0] ?? '' },
    clusters: createClient(ClusterServiceService, channel),
    system: createClient(SystemServiceService, channel),
    phases: async () => {
      const { instances } = await client.listInstances(ListInstancesRequest.fromPartial({}));
      return Object.fromEntries(instances.map((row) => [row.instanceId, `${row.region}:${row.phase}`]));
    },
    gauge: async (name: string) => (await registry.getSingleMetric(name)?.get())?.values ?? [],
  };
}
