import { expect, it } from 'vitest';
import { Alarm } from '../../../src/bridge/cluster/alarm.js';
import { bridgeHandlers } from '../../../src/bridge/rpc/bridge-service.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { InProcessBus } from '../../../src/events/in-process-bus.js';
import { BridgeServiceService } from '../../../src/gen/steward/v1/bridge.js';
import { createClient } from '../../../src/grpc/client.js';
import { startServer } from '../../grpc/running-server.js';
import { ManualClock } from '../support/manual-clock.js';
import { databaseWithWriting } from '../support/registry-rig.js';

it('resumes a loop only where it runs: in the bridge that writes, and with a reason', async () => {
  const { database, writing, refuse } = await databaseWithWriting();
  const alarm = new Alarm(new ManualClock());
  alarm.raise('too many');
  const { connect } = await startServer((server) =>
    server.addService(
      BridgeServiceService,
      bridgeHandlers({
        ...{ database, writing, bus: new InProcessBus() },
        clusters: { links: [], find: () => undefined },
        registry: { drain: async () => undefined },
        unregistered: { alarm, resume: () => alarm.clear() },
      }),
    ),
  );
  const client = createClient(BridgeServiceService, connect());
  const told = async () => (await client.listClusterLinks({})).unregisteredAlarm;
  await expect(client.resume({ cluster: '', reason: '' })).rejects.toMatchObject({
    code: 'invalid-argument',
  });
  await expect(client.resume({ cluster: 'eu', reason: 'x' })).rejects.toMatchObject({
    code: 'unknown-cluster',
  });
  expect(await told()).toBe('too many');
  await client.resume({ cluster: '', reason: 'they are gone' });
  expect(await told()).toBe('');
  refuse(new StewardError('unavailable', 'bridge-7 writes'));
  await expect(client.resume({ cluster: '', reason: 'x' })).rejects.toMatchObject({
    code: 'unavailable',
    message: 'bridge-7 writes',
  });
});
