import { createInterface } from 'node:readline';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type InstanceId, isInstanceId, isOwnerId, isWorkspaceId } from '../machines/ids.js';
import { startingContext } from '../machines/instance-life-setup.js';
import { toRecord } from '../machines/instance-life-steps.js';
import { realWorld } from '../src/gateways/real/world.js';
import { SubscribeResponse, WorkspaceManagerService } from '../src/gen/ws-manager-api/core.js';
import { createGrpcServer } from '../src/grpc/server.js';
import { managerConfigSchema } from '../src/manager/config.js';
import type { InstanceRecord } from '../src/manager/instance/instance-record.js';
import { openRequest } from '../src/manager/instance/request.js';
import { NEVER_ACTIVE, settingsOf } from '../src/manager/instance/settings.js';
import { statusOf } from '../src/manager/status.js';
import { StatusFeed } from '../src/manager/status-feed.js';
import { startRequest } from '../test/manager/rig.js';
import { noForwarding } from '../test/support/no-forwarding.js';
import { bareStream } from './bare-stream.js';

/**
 * Statuses of many instances that change all the time, for `wsman.WorkspaceManager/Subscribe`, and beside it the same
 * messages from a bare grpc-js stream that does nothing but write them. `change` changes every instance once; for a
 * number it changes them that often, and says how much memory it holds then.
 */
const [socket = '', bareSocket = '', count = '0'] = process.argv.slice(2);
const ids: InstanceId[] = [];
for (let index = 0; index < Number(count); index += 1) {
  const id = `instance-${index}`;
  if (isInstanceId(id)) ids.push(id);
}
const config = managerConfigSchema.parse({
  ...{ stateFolder: '/unused', secretsFolder: '/unused', contentRoot: '/unused' },
  ...{ listen: ['unix:/unused'], daemonAddress: 'unix:/unused' },
});
const records = new Map(ids.map((id) => [id, recordOf(id)]));
let changes = 0;
const feed = new StatusFeed({
  ids: () => ids,
  status: (id) => status(id, changes),
  onTold: () => undefined,
});
const server = createGrpcServer({
  addresses: [`unix:${socket}`],
  world: realWorld(),
  logger: pino({ level: 'silent' }),
  registry: new Registry(),
});
const { subscribe } = WorkspaceManagerService;
server.addService(
  { subscribe },
  {
    subscribe: async function* ({ mustMatch }, { signal }) {
      for await (const status of feed.subscribe(mustMatch, signal)) yield { status, header: {} };
    },
  },
);
await server.start();
const bare = await bareServer();
console.log('ready');

for await (const line of createInterface(process.stdin)) {
  if (line === 'change') {
    change();
    continue;
  }
  for (let round = 0; round < Number(line); round += 1) {
    change();
    await new Promise((resolve) => setImmediate(resolve));
  }
  global.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  console.log(JSON.stringify({ bytes: heapUsed + external }));
}
bare.forceShutdown();
await server.stop(0);

function status(id: InstanceId, version: number) {
  const record = records.get(id);
  const parts = { ownerToken: 'x'.repeat(32) };
  return record === undefined ? undefined : statusOf(config, noForwarding, { ...record, version }, parts);
}

function change(): void {
  for (const id of ids) {
    changes += 1;
    feed.changed(id);
  }
}

/** An instance as it is on disk while it runs. */
function recordOf(instance: InstanceId): InstanceRecord {
  const [workspace, owner] = [`workspace-${instance}`, 'owner'];
  if (!isWorkspaceId(workspace) || !isOwnerId(owner)) throw new Error('no ids');
  const request = startRequest({ id: instance, metadata: { owner, metaId: workspace } });
  if (request.spec === undefined) throw new Error('no spec');
  const { encoded, fingerprint, hasSecrets } = openRequest(request);
  const asked = startingContext({
    ...{ from: 'request', identity: { instance, workspace, owner }, kind: 'regular' },
    ...{ limits: config.limits, at: 1_000 },
  });
  const life = toRecord({
    ...asked,
    begun: true,
    deployed: true,
    content: 'ready',
    command: { state: 'running' },
  });
  return {
    ...{
      version: 1,
      request: encoded,
      fingerprint,
      hasSecrets,
      url: `https://${workspace}.example.com`,
      life,
    },
    settings: settingsOf(request.spec),
    activity: NEVER_ACTIVE,
  };
}

/** Writes the same messages without end, as fast as they are taken. */
async function bareServer(): Promise<Server> {
  const messages = ids.map((id) =>
    Buffer.from(SubscribeResponse.encode({ status: status(id, 1), header: {} }).finish()),
  );
  const started = new Server();
  started.addService(bareStream, {
    stream: async (call: ServerWritableStream<Buffer, Buffer>) => {
      let proceed = () => {};
      for (const event of ['drain', 'cancelled']) call.on(event, () => proceed());
      for (let index = 0; !call.cancelled; index += 1) {
        const message = messages[index % messages.length];
        if (message === undefined || call.write(message)) continue;
        await new Promise<void>((resolve) => {
          proceed = resolve;
        });
      }
    },
  });
  await new Promise<void>((resolve, reject) => {
    started.bindAsync(`unix:${bareSocket}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  return started;
}
