import { expect, it } from 'vitest';
import { WorkingArea } from '../../../src/daemon/area.js';
import { daemonConfigSchema } from '../../../src/daemon/config.js';
import { openCore } from '../../../src/daemon/core.js';
import { REMOVALS_CLOSE_MS } from '../../../src/daemon/removals/bounds.js';
import { SimulatedHttp } from '../../../src/gateways/simulated/http.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../../src/storage/directory.js';
import { instanceId } from '../../support/core.js';

it('writes what must not be lost before it goes on removing, for which there may be no time', async () => {
  const world = SimulatedWorld.fromSeed(1);
  const area = new WorkingArea('/state', '/run/secrets');
  await world.files.makeDirectory(`${area.removals}/left`);
  world.files.faults = {
    at: (operation, path) =>
      operation === 'remove' && path.startsWith(area.removals)
        ? { latencyMs: 10 * REMOVALS_CLOSE_MS }
        : undefined,
  };
  const storage = new DirectoryStorage(world, {
    folder: '/storage',
    witness: area.storageWitness,
    bucket: 'steward',
  });
  const { limits } = daemonConfigSchema.parse({
    ...{ stateFolder: area.root, secretsFolder: area.secrets, listen: ['unix:/unused'] },
    ...{ content: { uid: 0, gid: 0, isRoot: false }, storage: { folder: '/storage' } },
  });
  const core = await openCore({
    world,
    http: new SimulatedHttp(),
    area,
    place: { world, storage, user: undefined },
    owner: { uid: 0, gid: 0 },
    git: { allowHttp: false },
    limits,
    listener: { alarm() {}, stepFailed() {}, warning() {}, progress() {}, unpublished() {} },
    supervisor: () => {
      throw new Error('no instance lives here');
    },
  });
  const told = core.publisher.subscribe({ signal: new AbortController().signal });
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const item of told) seen.push(item);
  })();
  const moved = { at: 1, instance: instanceId('i1'), actor: 'content', from: 'a', to: 'b', cause: 'c' };
  core.publisher.publish(moved, { durable: true });
  const closing = core.close();
  await world.time.advance(0);
  await reading;
  expect(seen).toMatchObject([{ transition: { instance: 'i1', to: 'b' } }]);
  await world.time.advance(REMOVALS_CLOSE_MS);
  await closing;
});
