import { describe, expect, it } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { defaultsFromEnvironment } from '../../src/bridge/environment.js';
import { configJsonSchema, loadConfig } from '../../src/config/load-config.js';
import { hostAndPort } from '../../src/events/redis-config.js';
import { realWorld } from '../../src/gateways/real/world.js';

const least = { listen: ['unix:/run/b.sock'] };
const parse = (said: object) => bridgeConfigSchema.parse({ ...least, ...said });
const load = (env: Record<string, string>, said: object = {}, isAlone = true) =>
  loadConfig(realWorld().files, bridgeConfigSchema, {
    env,
    envPrefix: 'STEWARD_BRIDGE',
    overrides: { ...least, ...said },
    defaults: defaultsFromEnvironment(env, { isAlone }),
  });

describe('the database of the bridge', () => {
  it('is named by a URL with everything in it, or by an object', () => {
    const whole = parse({ database: 'mysql://us%40er:p%2Fw%20d@db.example:3307/steward?tls=true' }).database;
    expect(whole).toEqual({
      ...{ kind: 'mysql', host: 'db.example', port: 3_307, user: 'us@er', password: 'p/w d' },
      ...{ name: 'steward', tls: {}, allowAlter: false },
    });
    const short = parse({
      database: { kind: 'mysql', user: 'u', name: 'n', socket: '/run/mysqld/s' },
    }).database;
    expect(short).toMatchObject({ host: 'localhost', port: 3_306, socket: '/run/mysqld/s' });
    expect(parse({ database: { kind: 'sqlite', file: '/x' } }).database).toEqual({
      kind: 'sqlite',
      file: '/x',
    });
  });

  it.each([
    ...['postgres://u:secret@h/n', 'secret', 'mysql://u:secret@h', 'mysql://u:%zzsecret@h/n'],
    // Encryption in the words of other programs.
    ...['tls=1', 'tls=', 'ssl=true', 'ssl-mode=REQUIRED', 'tls=true&sslmode=require', 'TLS=true'].map(
      (asked) => `mysql://u:secret@h/n?${asked}`,
    ),
    'mysql://u:secret@h/n#tls=true',
  ])('is no other text, and nobody is told what it was: %s', (database) => {
    const { error } = bridgeConfigSchema.safeParse({ ...least, database });
    expect(error?.issues.length).toBeGreaterThan(0);
    expect(JSON.stringify(error?.issues)).not.toContain('secret');
  });

  it('comes from the variables the known system has, or from ours', async () => {
    const known = { DB_HOST: 'db', DB_PORT: '3310', DB_USERNAME: 'u', CONTROLLER_INTERVAL_SECONDS: '7' };
    expect(await load(known)).toMatchObject({
      database: { kind: 'mysql', host: 'db', port: 3_310, user: 'u', name: 'gitpod' },
      controllerIntervalSeconds: 7,
    });
    expect(await load({ STEWARD_BRIDGE_DATABASE: 'mysql://u@h/n' })).toMatchObject({
      database: { kind: 'mysql', host: 'h', name: 'n' },
    });
    expect(await load({ STEWARD_BRIDGE_REDIS: 'redis://h' })).toMatchObject({ redis: { address: 'h:6379' } });
    await expect(load({ CONTROLLER_INTERVAL_SECONDS: 'often' })).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('controllerIntervalSeconds'),
    });
  });

  it.each<[string, object, Record<string, string>]>([
    ['the file', { database: { kind: 'mysql', host: 'h', user: 'u', name: 'n' } }, {}],
    ['our own variables', {}, { STEWARD_BRIDGE_DATABASE: 'mysql://u@h/n' }],
  ])('is wholly the one that %s names, whatever variables of other programs say', async (_, said, ours) => {
    const known = {
      DB_HOST: 'other',
      DB_PORT: '3310',
      DB_USERNAME: 'someone',
      CONTROLLER_INTERVAL_SECONDS: '7',
    };
    const config = await load({ ...known, ...ours, STEWARD_BRIDGE_CONTROLLER_INTERVAL_SECONDS: '9' }, said);
    expect(config.database).toMatchObject({ host: 'h', port: 3_306, user: 'u', name: 'n' });
    expect(config.controllerIntervalSeconds).toBe(9);
  });

  it('is the file that is named, or that of a system of our own, whatever variables of other programs say', async () => {
    const known = { DB_HOST: 'other' };
    const sqlite = { kind: 'sqlite', file: '/x' };
    expect((await load(known, { database: sqlite })).database).toEqual(sqlite);
    expect(await load(known, { databaseFile: '/x' })).toEqual(await load({}, { databaseFile: '/x' }));
    expect((await load(known, {}, false)).database).toBeUndefined();
  });

  it('says which key is wrong, at any depth', async () => {
    await expect(
      load({}, { database: { kind: 'mysql', user: 'u', name: 'n', hots: 'x' } }),
    ).rejects.toMatchObject({
      message: expect.stringContaining('database.hots'),
    });
    await expect(load({}, { database: { kind: 'mysql', user: 'u', name: 'a`b' } })).rejects.toMatchObject({
      message: expect.stringContaining('database.name'),
    });
    expect(JSON.stringify(configJsonSchema(bridgeConfigSchema))).toContain('passwordFile');
  });
});

describe('the Redis of the bridge', () => {
  it.each([
    ['redis://h', { address: 'h:6379' }],
    ['rediss://u:p%40@h:7000', { address: 'h:7000', username: 'u', password: 'p@', tls: {} }],
    ['redis://:p@[::1]:7000', { address: '[::1]:7000', password: 'p' }],
  ])('is named by a URL: %s', (redis, expected) => {
    expect(parse({ redis }).redis).toEqual(expected);
  });

  it('is found at its address, IPv6 too', () => {
    expect(hostAndPort('redis.example')).toEqual({ host: 'redis.example', port: 6_379 });
    expect(hostAndPort('[::1]:7000')).toEqual({ host: '::1', port: 7_000 });
    expect(bridgeConfigSchema.safeParse({ ...least, redis: 'http://h:secret' }).success).toBe(false);
  });

  it.each(['redis://h?tls=true', 'redis://:secret@h/0?ssl=1', 'redis://h/name', 'redis://h#tls'])(
    'is no address with more behind it: %s',
    (redis) => {
      expect(bridgeConfigSchema.safeParse({ ...least, redis }).success).toBe(false);
    },
  );

  it('may be named with a number of a database, which has no channels of its own', () => {
    expect(parse({ redis: 'redis://h:7000/2' }).redis).toEqual({ address: 'h:7000' });
  });
});
