import { expect, it, vi } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import {
  DescribeClusterResponse,
  GetWorkspacesResponse,
  SubscribeResponse,
  WorkspaceStatus,
} from '../../src/gen/ws-manager-api/core.js';
import { plainManager } from '../bridge/support/managers.js';
import { RawManager } from '../bridge/support/raw-messages.js';
import { statusOf } from '../bridge/support/statuses.js';
import { startedBridge } from './support/bridge-place.js';

const patience = { timeout: 20_000, interval: 20 };
const MEGABYTE = 1_000_000;
/** A status that is cut off within its id. */
const NO_MESSAGE = Buffer.from([0x0a, 0x05, 0x0a]);

const status = statusOf({ id: 'bad', version: 1n, phase: 'running' });
/** From numbers that no enum has. */
const future = (number: number) => number as never;
const REFUSED: readonly WorkspaceStatus[] = [
  { ...status, id: '' },
  { ...status, id: "x'; drop table d_b_workspace" },
  { ...status, spec: undefined },
  { ...status, metadata: undefined },
  { ...status, conditions: undefined },
  WorkspaceStatus.fromPartial({ ...status, spec: { ...status.spec, type: future(99) } }),
];

async function bridgeBetween() {
  const [raw, well] = [await RawManager.start(), await plainManager()];
  const bridge = await startedBridge({
    clusters: bridgeConfigSchema.shape.clusters.parse([
      { name: 'raw', url: raw.address },
      { name: 'well', url: well.address },
    ]),
  });
  await vi.waitFor(() => expect([raw.subscriptions, well.subscribers]).toEqual([1, 1]), patience);
  const refused = async () =>
    (await bridge.gauge('steward_bridge_refused_updates_total')).map(({ labels, value }) => [
      labels['workspace_cluster'],
      value,
    ]);
  const tell = (told: WorkspaceStatus) =>
    raw.send(SubscribeResponse.encode({ status: told, header: {} }).finish());
  return { ...bridge, raw, well, refused, tell };
}

it('statuses over the wire that nobody can use are refused, counted by cluster, and hold up nothing', async () => {
  const { raw, well, refused, tell, phases } = await bridgeBetween();
  for (const bad of REFUSED) tell(bad);
  tell({
    ...statusOf({ id: 'big', version: 2n ** 64n - 1n, phase: 'running' }),
    message: 'm'.repeat(10 * MEGABYTE),
  });
  raw.send(SubscribeResponse.encode({ status: undefined, header: {} }).finish());
  tell(statusOf({ id: 'good', version: 1n, phase: 'running' }));
  well.set(statusOf({ id: 'well', version: 1n, phase: 'running' }));
  await vi.waitFor(
    async () =>
      expect(await phases()).toEqual({ big: 'raw:running', good: 'raw:running', well: 'well:running' }),
    patience,
  );
  expect(await refused()).toEqual([['raw', REFUSED.length]]);
  expect(raw.subscriptions).toBe(1);
}, 60_000);

it('bytes that are no message end the stream or the list, which are asked for again', async () => {
  const { raw, well, tell, phases, client } = await bridgeBetween();
  raw.list = NO_MESSAGE;
  raw.send(NO_MESSAGE);
  const { lists } = raw;
  await vi.waitFor(() => expect(raw.subscriptions).toBeGreaterThan(1), patience);
  await vi.waitFor(() => expect(raw.lists).toBeGreaterThan(lists), patience);
  well.set(statusOf({ id: 'well', version: 1n, phase: 'running' }));
  await vi.waitFor(async () => expect(await phases()).toEqual({ well: 'well:running' }), patience);
  const link = async () =>
    (await client.listClusterLinks({})).links.find(({ name }) => name === 'raw')?.lastError;
  await vi.waitFor(async () => expect(await link()).not.toBe(''), patience);

  const broken = WorkspaceStatus.encode(
    statusOf({ id: 'broken', version: 1n, phase: 'running', message: '????' }),
  ).finish();
  Buffer.from([0xff, 0xc0, 0x80, 0xed]).copy(broken, Buffer.from(broken).indexOf('????'));
  raw.list = Buffer.concat([Buffer.from([0x0a, broken.length]), broken]);
  expect(GetWorkspacesResponse.decode(raw.list).status).toHaveLength(1);
  await vi.waitFor(
    async () => expect(await phases()).toEqual({ broken: 'raw:running', well: 'well:running' }),
    patience,
  );
  tell(statusOf({ id: 'broken', version: 2n, phase: 'stopping' }));
  await vi.waitFor(async () => expect(await phases()).toMatchObject({ broken: 'raw:stopping' }), patience);
}, 60_000);

it('a manager that offers no end of classes and texts gets a registration that its row can hold', async () => {
  const raw = await RawManager.start();
  const { clusters, database } = await startedBridge();
  const long = 'x'.repeat(100_000);
  raw.description = DescribeClusterResponse.encode({
    workspaceClasses: Array.from({ length: 100 }, (_, index) => ({
      id: index === 0 ? long : `c-${index}`,
      ...{ displayName: long, description: long, creditsPerMinute: Number.POSITIVE_INFINITY },
    })),
    preferredWorkspaceClass: long,
  }).finish();
  await clusters.register({
    ...{ name: 'raw', url: raw.address, tls: { ca: '', crt: '', key: '' }, hints: undefined },
    ...{ admissionConstraints: [], region: '' },
  });
  const row = await database.read((connection) => connection('d_b_workspace_cluster').first());
  const classes: { id: string; displayName: string; creditsPerMinute: number }[] = JSON.parse(
    row.availableWorkspaceClasses,
  );
  // Nobody could ask for a class by the beginning of its name.
  expect([classes.length, classes[0]?.id, classes.at(-1)?.id]).toEqual([99, 'c-1', 'c-99']);
  expect(row.availableWorkspaceClasses.length).toBeLessThan(300_000);
  expect(classes[0]).toMatchObject({ displayName: 'x'.repeat(255), creditsPerMinute: 0 });
});
