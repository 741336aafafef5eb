import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { Mariadb } from '../support/mariadb.js';
import { Redis } from '../support/redis.js';
import { DisturbedBridge } from './support/disturbed-bridge.js';
import { Lives } from './support/lives.js';

const LONG_MS = 120_000;
const INSTANCES = 6;
const patience = { timeout: 20_000, interval: 20 };

/** A step of each life, some of them lost or doubled on the way. */
function stir(lives: Lives): void {
  lives.advanceAll('once');
  lives.advanceAll('never');
  lives.advanceAll('twice');
}

describe('a server that dies in mid-stream and is started again', () => {
  let mariadb: Mariadb;
  let redis: Redis;
  let site: DisturbedBridge;
  beforeAll(async () => {
    [mariadb, redis] = await Promise.all([Mariadb.start(), Redis.start()]);
    site = await DisturbedBridge.start({ mysqlUrl: mariadb.url, redisUrl: redis.url });
  });
  afterAll(async () => {
    await site.stop();
    await mariadb.server.stop();
    await redis.server.stop();
  });

  it(
    'MariaDB: no commit is lost, and what came meanwhile is written',
    async () => {
      const lives = await Lives.begin(site, 'mariadb', INSTANCES);
      stir(lives);
      await lives.rowsAreTrue();
      lives.advanceAll('once');
      await mariadb.server.kill();
      stir(lives);
      await mariadb.server.start();
      await lives.look();
      lives.advanceAll('once');
      await lives.converge();
    },
    LONG_MS,
  );

  it(
    'Redis: rows are written on, and every change is told once it is back',
    async () => {
      const lives = await Lives.begin(site, 'redis', INSTANCES);
      stir(lives);
      await lives.converge();
      // Nothing is to be told before somebody listens again.
      site.redisProxy.refuse();
      await redis.server.kill();
      stir(lives);
      await lives.rowsAreTrue();
      expect(await site.reader.waitingEvents()).toBeGreaterThan(0);
      await redis.server.start();
      await site.consumer.subscribe();
      await lives.converge();
    },
    LONG_MS,
  );
});

describe('a machine that vanishes without a word', () => {
  it(
    'is given up, and its successor is used',
    async () => {
      const site = await DisturbedBridge.start({
        mysqlUrl: inject('mysqlUrl'),
        redisUrl: inject('redisUrl'),
      });
      try {
        const lives = await Lives.begin(site, 'stranded', INSTANCES);
        stir(lives);
        await lives.converge();
        await vi.waitFor(() => expect(site.redisProxy.connections).toBe(1), patience);
        site.databaseProxy.strand();
        site.redisProxy.strand();
        lives.advanceAll('once');
        await lives.converge();
      } finally {
        await site.stop();
      }
    },
    LONG_MS,
  );
});
