import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { StopWorkspacePolicy, WorkspaceManagerService } from '../../src/gen/ws-manager-api/core.js';
import { type Channel, createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { managerConfigSchema } from '../../src/manager/config.js';
import { type RunningManager, startManager } from '../../src/manager/start-manager.js';
import { startRequest } from '../manager/rig.js';
import { type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { expectUnharmed, settleBystander } from './support/bystander.js';

const world = realWorld();
let folder: string;
let daemon: RealDaemon;
let manager: RunningManager;
let channel: Channel;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bad-'));
  await chmod(folder, 0o711);
  daemon = await realDaemon(folder);
  await settleBystander(daemon);
  const config = managerConfigSchema.parse({
    stateFolder: join(folder, 'manager'),
    secretsFolder: join(folder, 'manager-secrets'),
    contentRoot: join(folder, 'daemon', 'workspaces'),
    listen: [`unix:${join(folder, 'm.sock')}`],
    daemonAddress: daemon.daemon.addresses[0],
  });
  const logger = pino({ level: 'silent' });
  manager = await startManager(config, { world, logger, registry: new Registry(), version: 'test' });
  channel = createChannel(`unix:${join(folder, 'm.sock')}`, { clock: world.clock });
});
afterAll(async () => {
  await expectUnharmed(daemon);
  const contents = await readdir(join(folder, 'daemon', 'workspaces'));
  expect(contents.filter((name) => !name.startsWith('.'))).toEqual(['bystander']);
  expect((await client().getWorkspaces({ mustMatch: undefined })).status).toEqual([]);
  channel.close();
  await manager.stop();
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

describe('a start', () => {
  it.each(['', 'a/b', '..', '../x', 'a\u0000b', 'a\nb', '-rf', 'x'.repeat(10_000)])(
    'under the id %.20j is refused, with the field',
    async (id) => {
      const starts = {
        id: startRequest({ id }),
        'metadata.meta_id': startRequest({ metadata: { metaId: id } }),
        'metadata.owner': startRequest({ metadata: { owner: id } }),
      };
      for (const [field, request] of Object.entries(starts)) {
        const told = await refusal(client().startWorkspace(request));
        expect(told).toMatchObject({ status: 'INVALID_ARGUMENT', message: expect.stringContaining(field) });
        expect(told.message.length).toBeLessThan(300);
      }
    },
  );

  it.each([
    ['nothing set', {}, 'nothing set'],
    ['options for a URL', { git: { remoteUri: '--upload-pack=x', config: {} } }, 'remote_uri'],
    ['another transport', { git: { remoteUri: 'ext::sh -c true', config: {} } }, 'remote_uri'],
    ['a file for a URL', { git: { remoteUri: 'file:///etc', config: {} } }, 'remote_uri'],
    [
      'a location outside',
      { git: { remoteUri: 'https://e.org/x', config: {}, checkoutLocation: '../x' } },
      'checkout_location',
    ],
  ])('from an initializer with %s is refused, with the field', async (_what, json, field) => {
    const initializer = WorkspaceInitializer.fromJSON(json);
    const told = await refusal(client().startWorkspace(startRequest({ spec: { initializer } })));
    expect(told).toMatchObject({ status: 'INVALID_ARGUMENT', message: expect.stringContaining(field) });
  });
});

it('an unknown id is told as such by every call that needs an instance; it has stopped already', async () => {
  const id = 'nobody';
  const calls = [
    client().describeWorkspace({ id }),
    client().backupWorkspace({ id }),
    client().takeSnapshot({ id, returnImmediately: false }),
  ];
  for (const told of await Promise.all(calls.map(refusal))) {
    expect(told).toEqual({ status: 'NOT_FOUND', message: 'no instance has this id' });
  }
  await client().stopWorkspace({ id, policy: StopWorkspacePolicy.NORMALLY });
});

function client() {
  return createClient(WorkspaceManagerService, channel);
}

async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StewardError)) throw error;
  return { status: status[error.entry.status], message: error.message };
}
