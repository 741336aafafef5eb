import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { checkLease, claimLease, releaseLease, renewLease } from '../../src/bridge/lease.js';
import { startBridge } from '../../src/bridge/start-bridge.js';
import type { Database } from '../../src/database/database.js';
import { openMysql } from '../../src/database/mysql.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { ClusterServiceService } from '../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { createClient } from '../../src/grpc/client.js';
import { FakeManager } from '../bridge/support/fake-manager.js';
import { statusOf } from '../bridge/support/statuses.js';
import { newDatabase } from '../support/mariadb.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { KEY_COLUMN, openTestDatabase, settingsOf } from '../support/test-database.js';
import { BridgeChild } from './support/bridge-child.js';
import { rowsIn } from './support/rows.js';

const NOW = '2026-01-01T00:00:00.000Z';
/** A takeover is waited for as long as it may take. */
const takeover = { timeout: 10_000, interval: 50 };
const soon = { timeout: 20_000, interval: 50 };

describe('the lease of a database', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openTestDatabase();
  });
  afterAll(() => database.close());

  it('has one holder, who keeps it by renewing it and gives it back at once', async () => {
    const first = await claimLease(database, 'first', NOW);
    if (!('lease' in first)) throw new Error('it was free');
    expect(await claimLease(database, 'second', NOW)).toEqual({ heldBy: 'first' });
    expect(await renewLease(database, first.lease)).toBe(true);
    await releaseLease(database, first.lease);
    const second = await claimLease(database, 'second', NOW);
    expect(second).toEqual({ lease: { holder: 'second', token: first.lease.token + 1 } });
    expect(await renewLease(database, first.lease)).toBe(false);
    await expect(database.write((transaction) => checkLease(transaction, first.lease))).rejects.toMatchObject(
      { code: 'stale-generation' },
    );
    if ('lease' in second) await releaseLease(database, second.lease);
  });

  it('is taken from a writer that stands still in the middle of a transaction, which then changes nothing', async () => {
    const paused = await claimLease(database, 'paused', NOW);
    if (!('lease' in paused)) throw new Error('it was free');
    const { lease } = paused;
    await database.write((transaction) =>
      transaction('steward_adoption').insert({ instanceId: 'before', adoptedAt: NOW }),
    );
    const late = database.write(async (transaction) => {
      await checkLease(transaction, lease);
      await transaction('steward_adoption').delete();
      await vi.waitFor(
        async () => expect(await claimLease(database, 'next', NOW)).toHaveProperty('lease'),
        soon,
      );
      await transaction('steward_adoption').delete();
    });
    await expect(late).rejects.toMatchObject({ code: 'unavailable' });
    expect(await database.read((connection) => connection('steward_adoption').pluck('instanceId'))).toEqual([
      'before',
    ]);
  });
});

it('a bridge that fails to start gives its lease back at once', async () => {
  const taken = createServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { url, drop } = await newDatabase({ url: inject('mysqlUrl') });
  onTestFinished(async () => {
    taken.close();
    await drop();
  });
  const listen = [`unix:${join(await temporaryFolder(), 'b.sock')}`];
  const config = bridgeConfigSchema.parse({ database: url, listen, http: { port } });
  const options = { logger: pino({ level: 'silent' }), registry: new Registry(), version: '0.0.0' };
  await expect(startBridge(config, { ...options, world: realWorld() })).rejects.toMatchObject({
    code: 'address-in-use',
  });
  const database = await openMysql(settingsOf(url), KEY_COLUMN);
  onTestFinished(() => database.close());
  const taker = await claimLease(database, 'the next one', NOW);
  expect(taker).toMatchObject({ lease: { token: 2 } });
});

describe('two bridges of one database', () => {
  async function setUp() {
    const folder = await temporaryFolder();
    const { url, drop } = await newDatabase({ url: inject('mysqlUrl') });
    const manager = new FakeManager(join(folder, 'm.sock'));
    await manager.start();
    onTestFinished(async () => {
      manager.stop();
      await drop();
    });
    const config = {
      ...{ database: url, adoptUnknownInstances: true, controllerIntervalSeconds: 600 },
      clusters: [{ name: 'local', url: manager.address }],
    };
    const start = (name: string) => BridgeChild.start(config, `unix:${join(folder, `${name}.sock`)}`);
    const phases = async () =>
      Object.fromEntries((await rowsIn(url)).map((row) => [row.id, row.phasePersisted]));
    return { manager, start, phases };
  }

  it('take turns: after a clean stop, a SIGKILL, and a SIGSTOP of the one that writes', async () => {
    const { manager, start, phases } = await setUp();
    const first = await start('first');
    const second = await start('second');
    expect(await first.standsBy()).toBe('');
    const standby = await second.info();
    expect(standby.ready).toBe(true);
    expect(await second.standsBy()).toMatch(/stands by: .*pid \d+.* writes/);
    const clusters = createClient(ClusterServiceService, second.channel());
    await expect(clusters.deregister({ name: 'x', force: false })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`pid ${first.process.pid}`),
    });
    expect((await clusters.list({})).status).toHaveLength(1);
    await vi.waitFor(() => expect(manager.subscribers).toBe(2), soon);

    manager.set(statusOf({ id: 'i', version: 1n, phase: 'pending' }));
    await vi.waitFor(async () => expect(await phases()).toEqual({ i: 'pending' }), soon);
    await first.end('SIGTERM');
    manager.set(statusOf({ id: 'i', version: 2n, phase: 'creating' }));
    await vi.waitFor(async () => expect(await phases()).toEqual({ i: 'creating' }), { timeout: 3_000 });

    const third = await start('third');
    await vi.waitFor(() => expect(manager.subscribers).toBe(2), soon);
    await second.end('SIGKILL');
    manager.set(statusOf({ id: 'i', version: 3n, phase: 'running' }));
    await vi.waitFor(async () => expect(await phases()).toEqual({ i: 'running' }), takeover);

    const fourth = await start('fourth');
    third.process.kill('SIGSTOP');
    manager.set(statusOf({ id: 'j', version: 4n, phase: 'running' }));
    await vi.waitFor(async () => expect(await phases()).toEqual({ i: 'running', j: 'running' }), takeover);
    manager.set(statusOf({ id: 'i', version: 5n, phase: 'stopped' }));
    await vi.waitFor(async () => expect(await phases()).toMatchObject({ i: 'stopped' }), soon);
    third.process.kill('SIGCONT');
    await vi.waitFor(async () => expect(await third.standsBy()).toContain(`pid ${fourth.process.pid}`), soon);
    expect(await phases()).toEqual({ i: 'stopped', j: 'running' });

    // It stands by as any other: no restart is needed.
    await fourth.end('SIGTERM');
    manager.set(statusOf({ id: 'j', version: 6n, phase: 'stopped' }));
    await vi.waitFor(async () => expect(await phases()).toEqual({ i: 'stopped', j: 'stopped' }), takeover);
  });
});
