import { expect, it } from 'vitest';
import { Alarm } from '../../../src/bridge/cluster/alarm.js';
import { StopGuard } from '../../../src/bridge/cluster/stop-guard.js';
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
  const guard = (reason: string) => {
    const stopGuard = new StopGuard(new Alarm(new ManualClock()), 0.5, () => undefined);
    stopGuard.allow([], reason);
    return stopGuard;
  };
  const unregistered = guard('too many');
  const { connect } = await startServer((server) =>
    server.addService(
      BridgeServiceService,
      bridgeHandlers({
        ...{ database, writing, bus: new InProcessBus(), adoptsInstances: true },
        clusters: { links: [], find: () => undefined },
        registry: { drain: async () => undefined },
        rowLoops: { unregistered, timeLimits: guard('too late') },
      }),
    ),
  );
  const client = createClient(BridgeServiceService, connect());
  const told = async () => {
    const { unregisteredAlarm, limitsAlarm } = await client.listClusterLinks({});
    return [unregisteredAlarm, limitsAlarm];
  };
  const timeLimits = true;
  await expect(client.resume({ cluster: '', reason: '', timeLimits: false })).rejects.toMatchObject({
    code: 'invalid-argument',
  });
  await expect(client.resume({ cluster: 'eu', reason: 'x', timeLimits: false })).rejects.toMatchObject({
    code: 'unknown-cluster',
  });
  await expect(client.resume({ cluster: 'eu', reason: 'x', timeLimits })).rejects.toMatchObject({
    code: 'invalid-argument',
  });
  expect(await told()).toEqual(['too many', 'too late']);
  await client.resume({ cluster: '', reason: 'they are gone', timeLimits: false });
  expect(await told()).toEqual(['', 'too late']);
  unregistered.allow([], undefined);
  await expect(client.resume({ cluster: '', reason: 'once more', timeLimits: false })).rejects.toMatchObject({
    code: 'nothing-to-resume',
    message: 'the control loop does not stand still',
  });
  await client.resume({ cluster: '', reason: 'they are late', timeLimits });
  expect(await told()).toEqual(['', '']);
  refuse(new StewardError('unavailable', 'bridge-7 writes'));
  await expect(client.resume({ cluster: '', reason: 'x', timeLimits })).rejects.toMatchObject({
    code: 'unavailable',
    message: 'bridge-7 writes',
  });
});
