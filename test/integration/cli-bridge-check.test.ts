import { expect, it, vi } from 'vitest';
import { insertInstance } from '../bridge/support/instances.js';
import { plainManager } from '../bridge/support/managers.js';
import { statusOf } from '../bridge/support/statuses.js';
import { steward } from '../cli/support/memory-cli.js';
import { startedBridge } from './support/bridge-place.js';

const clusterAt = (url: string) => ({
  ...({ name: 'eu-1', url, state: 'available', score: 50, maxScore: 100, govern: true } as const),
  ...{ admissionConstraints: [], region: '' },
});
const patience = { timeout: 20_000, interval: 20 };

it('steward bridge check compares every row with what its manager says, and names what is wrong', async () => {
  const manager = await plainManager();
  manager.set(statusOf({ id: 'i-1', version: 3n, phase: 'running' }));
  manager.set(statusOf({ id: 'i-2', version: 4n, phase: 'stopped' }));
  const { address, database, phases } = await startedBridge({
    clusters: [clusterAt(manager.address)],
  });
  await vi.waitFor(
    async () => expect(await phases()).toEqual({ 'i-1': 'eu-1:running', 'i-2': 'eu-1:stopped' }),
    patience,
  );
  const check = () =>
    steward([
      ...['--address', address, 'bridge', 'check', 'eu-1'],
      ...['--manager', manager.address, '--within', '1s'],
    ]);
  expect(await check()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Every row of eu-1 is right: 2 rows, 2 instances'),
  });
  // Somebody else writes what is the bridge's.
  await database.write((transaction) =>
    transaction('d_b_workspace_instance').where({ id: 'i-1' }).update({
      status: '{"version":9,"conditions":{},"phase":"stopping"}',
      phasePersisted: 'stopping',
    }),
  );
  expect(await check()).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/i-1\s+it is stopping, and its manager says running, refused as older/),
    stderr: expect.stringContaining('of 1 instance is refused'),
  });
}, 60_000);

it('takes for right what another program makes no row of, and a row that keeps its phase', async () => {
  const manager = await plainManager();
  const { address, database, phases } = await startedBridge({
    clusters: [clusterAt(manager.address)],
    adoptUnknownInstances: false,
  });
  for (const [id, region] of [
    ['i-1', 'eu-1'],
    ['i-2', 'us-1'],
  ] as const)
    await insertInstance(database, { id, region, phase: 'running' });
  manager.set(statusOf({ id: 'i-1', version: 3n, phase: undefined }));
  for (const id of ['i-2', 'an-image-build']) manager.set(statusOf({ id, version: 4n, phase: 'pending' }));
  await vi.waitFor(async () => expect(await phases()).toMatchObject({ 'i-1': 'eu-1:running' }), patience);
  const check = (...more: readonly string[]) =>
    steward([
      ...['--address', address, 'bridge', 'check', 'eu-1'],
      ...['--manager', manager.address, ...more],
    ]);
  expect(await check()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Every row of eu-1 is right: 1 rows, 3 instances'),
    stderr: expect.stringContaining('2 have no row of eu-1'),
  });
  const { stdout } = await check('--json');
  expect(JSON.parse(stdout)).toMatchObject({ right: true, withoutRow: 2 });
}, 60_000);
