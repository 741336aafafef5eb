import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { connectOverGrpc } from '../../src/bridge/clusters/manager-connection.js';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { BridgeCore } from '../../src/bridge/core.js';
import { BridgeMetrics } from '../../src/bridge/metrics.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { openMigrated } from './support/pipeline-harness.js';

it('keeps its lease however long everything else waits for the database', async () => {
  const database = await openMigrated();
  const waiting = () => new Promise<never>(() => undefined);
  const world = realWorld();
  const core = new BridgeCore({
    opened: {
      database: { ...database, apart: database, read: waiting, write: waiting },
      mode: 'shared',
      adoptUnknownInstances: true,
    },
    config: bridgeConfigSchema.parse({ databaseFile: ':memory:', listen: ['unix:/run/b.sock'] }),
    connect: connectOverGrpc(world.clock),
    ...{ world, publishers: [], lifecycle: undefined, holder: 'me', logger: pino({ level: 'silent' }) },
    metrics: new BridgeMetrics(new Registry()),
  });
  await core.keeper.claim();
  expect(core.keeper.lease).toMatchObject({ holder: 'me' });
  await core.keeper.release();
  expect(core.keeper.lease).toBeUndefined();
  await database.close();
});
