import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { openDatabase } from '../../src/bridge/open-database.js';
import type { Database } from '../../src/database/database.js';
import { openMysql } from '../../src/database/mysql.js';
import type { MysqlSettings } from '../../src/database/mysql-settings.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { RedisPublisher, type RedisSettings } from '../../src/events/redis-publisher.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { createAuthority, issue } from '../grpc/certificates.js';
import { execute, Mariadb, newDatabase } from '../support/mariadb.js';
import type { PrivateServer } from '../support/private-server.js';
import { KEY_COLUMN, settingsOf } from '../support/test-database.js';
import { listenIn, REDIS_PASSWORD, ServerFiles, startTlsRedis } from './support/tls-servers.js';

const patience = { timeout: 20_000, interval: 20 };
const ours = createAuthority('ours');
const others = createAuthority('others');
const client = issue(ours, ['bridge']);
const ca = ours.certificatePem.toString();
const shown = { crt: client.certificatePem.toString(), key: client.keyPem.toString() };

describe('a database behind TLS', () => {
  let files: ServerFiles;
  let mariadb: Mariadb;
  let settings: MysqlSettings;
  let url: string;
  const open: Database[] = [];

  beforeAll(async () => {
    files = await ServerFiles.create(ours, ['localhost', '127.0.0.1']);
    const paths = (['ca', 'crt', 'key'] as const).map((what) => files.path(what));
    const [caPath, crtPath, keyPath] = paths;
    mariadb = await Mariadb.start(`--ssl-ca=${caPath}`, `--ssl-cert=${crtPath}`, `--ssl-key=${keyPath}`);
    ({ url } = await newDatabase(mariadb));
    settings = { ...settingsOf(url), tls: { ca } };
    await execute(url, "create user shows identified by 'pass-of-shows' require x509");
    await execute(url, `grant all on ${settings.name}.* to shows`);
  });
  afterAll(async () => {
    await mariadb?.server.stop();
    await files?.remove();
  });
  afterEach(async () => {
    for (const database of open.splice(0)) await database.close();
  });

  /** The cipher of a connection; '' without one. */
  async function cipherOf(changed: Partial<MysqlSettings>): Promise<string> {
    const database = await openMysql({ ...settings, ...changed }, KEY_COLUMN);
    open.push(database);
    const answer: unknown = await database.read((connection) =>
      connection.raw("show status like 'Ssl_cipher'"),
    );
    return /"Value":"([^"]*)"/.exec(JSON.stringify(answer))?.[1] ?? '';
  }

  async function refusal(changed: Partial<MysqlSettings>): Promise<string> {
    const error: unknown = await cipherOf(changed).catch((thrown: unknown) => thrown);
    if (!(error instanceof StewardError)) throw new Error(`it was not refused: ${String(error)}`);
    expect(error).toMatchObject({ code: 'database-refused' });
    return error.message;
  }

  it.each(['localhost', '127.0.0.1'])('is reached, and nobody on the way reads along: %s', async (host) => {
    const { port, sent } = await listenIn(mariadb.server.port);
    expect(await cipherOf({ host, port })).toMatch(/AES|CHACHA/);
    expect(sent()).not.toBe('');
    expect(sent()).not.toMatch(new RegExp(`${settings.user}|${settings.name}|Ssl_cipher`));
  });

  it.each([
    ['of another authority', { ca: others.certificatePem.toString() }],
    ["of none of the system's authorities", {}],
  ])('is left alone when its certificate is %s, and is told nothing', async (_, tls) => {
    const { port, sent } = await listenIn(mariadb.server.port);
    expect(await refusal({ port, tls })).toMatch(/certificate that is not trusted \(.+\).*database\.tls\.ca/);
    expect(sent()).not.toMatch(new RegExp(`${settings.user}|${settings.name}`));
  });

  it('is left alone when its certificate is for somebody else, unless that is whom we are to find', async () => {
    await files.show(['db.example', '10.9.8.7']);
    await execute(url, 'flush ssl');
    for (const host of ['localhost', '127.0.0.1']) {
      const { port, sent } = await listenIn(mariadb.server.port);
      expect(await refusal({ host, port })).toContain('database.tls.serverName');
      expect(sent()).not.toContain(settings.user);
      expect(await refusal({ host, tls: { ca, serverName: 'other.example' } })).toContain('another name');
      for (const serverName of ['db.example', '10.9.8.7'])
        expect(await cipherOf({ host, tls: { ca, serverName } })).not.toBe('');
    }
    // What is not encrypted by us leads to nobody else: the socket is a file of this machine.
    expect(await cipherOf({ socket: mariadb.socket })).not.toBe('');
    await files.show(['localhost', '127.0.0.1']);
    await execute(url, 'flush ssl');
  });

  it('is found by the files that the configuration names, or by DB_CA_CERT', async () => {
    const { user, password, name, port } = settings;
    const opening = async (tls: object | undefined, env: Readonly<Record<string, string>> = {}) => {
      const database = { kind: 'mysql', host: '127.0.0.1', port, user, password, name, ...(tls && { tls }) };
      const config = bridgeConfigSchema.parse({ database, listen: ['unix:/run/b.sock'] });
      const { database: opened } = await openDatabase(config, realWorld(), env);
      open.push(opened);
    };
    await opening({ ca: files.path('ca'), crt: files.path('crt'), key: files.path('key') });
    await opening({ ca: files.path('ca'), serverName: 'localhost' });
    await opening(undefined, { DB_CA_CERT: ca });
    await expect(opening({ ca: files.path('ca'), serverName: 'other.example' })).rejects.toMatchObject({
      message: expect.stringContaining('another name'),
    });
    const wrong = { DB_CA_CERT: others.certificatePem.toString() };
    await expect(opening(undefined, wrong)).rejects.toMatchObject({
      message: expect.stringContaining('DB_CA_CERT'),
    });
  });

  it('refuses a wrong password, and who shows no certificate where one is asked for', async () => {
    const wrong = await refusal({ password: 'wrong-secret' });
    expect(wrong).toContain('database.password');
    expect(wrong).not.toContain('secret');
    const account = { user: 'shows', password: 'pass-of-shows' };
    expect(await refusal(account)).toContain('"shows"');
    expect(await cipherOf({ ...account, tls: { ca, ...shown } })).not.toBe('');
  });

  it('that wants nothing else says so to who speaks plainly', async () => {
    const encrypted = await openMysql(settings, KEY_COLUMN);
    open.push(encrypted);
    await encrypted.read((connection) => connection.raw('set global require_secure_transport = 1'));
    const { tls: _, ...plain } = settings;
    const refused = await openMysql(plain, KEY_COLUMN).catch((thrown: unknown) => thrown);
    await encrypted.read((connection) => connection.raw('set global require_secure_transport = 0'));
    expect(refused).toMatchObject({
      code: 'database-refused',
      message: expect.stringContaining('set database.tls'),
    });
  });
});

describe('a Redis behind TLS', () => {
  let files: ServerFiles;
  let server: PrivateServer;
  let settings: RedisSettings;
  const publishers: RedisPublisher[] = [];

  beforeAll(async () => {
    files = await ServerFiles.create(ours, ['localhost', '127.0.0.1']);
    server = await startTlsRedis(files, client, true);
    settings = {
      ...{ host: '127.0.0.1', port: server.port, password: REDIS_PASSWORD },
      tls: { ca, ...shown },
    };
  });
  afterAll(async () => {
    await server?.stop();
    await files?.remove();
  });
  afterEach(() => {
    for (const publisher of publishers.splice(0)) publisher.close();
  });

  function publisher(changed: Partial<RedisSettings>) {
    const troubles: string[] = [];
    const made = new RedisPublisher(
      { ...settings, ...changed },
      {
        name: 'ws-manager-bridge',
        fraction: () => 0.5,
        onConnected: () => troubles.push('connected'),
        onTrouble: (reason) => troubles.push(reason),
      },
    );
    publishers.push(made);
    return { made, troubles };
  }

  const event = { channel: 'chan:prebuilds', payload: 'a-payload', key: 'i', sequence: 1, at: 0 };

  it.each(['localhost', '127.0.0.1'])(
    'is published on, and nobody on the way reads along: %s',
    async (host) => {
      const { port, sent } = await listenIn(server.port);
      const { made } = publisher({ host, port });
      await vi.waitFor(() => expect(made.isConnected).toBe(true), patience);
      await made.publish(event);
      expect(sent()).not.toBe('');
      expect(sent()).not.toMatch(/a-payload|ws-manager-bridge|not-a-secret/);
    },
  );

  it('hears of another name where that is whom we are to find', async () => {
    const named = await ServerFiles.create(ours, ['redis.example', '10.9.8.7']);
    const other = await startTlsRedis(named, client);
    try {
      for (const serverName of ['redis.example', '10.9.8.7']) {
        const { made } = publisher({ port: other.port, tls: { ca, serverName } });
        await vi.waitFor(() => expect(made.isConnected).toBe(true), patience);
      }
      for (const host of ['localhost', '127.0.0.1']) {
        const { port, sent } = await listenIn(other.port);
        const { made, troubles } = publisher({ host, port, tls: { ca } });
        await vi.waitFor(() => expect(troubles.join()).toMatch(/not match certificate/), patience);
        expect(made.isConnected).toBe(false);
        expect(sent()).not.toContain(REDIS_PASSWORD);
      }
    } finally {
      await other.stop();
      await named.remove();
    }
  });

  it.each<[string, Partial<RedisSettings>, RegExp]>([
    ['a certificate of another authority', { tls: { ca: others.certificatePem.toString() } }, /certificate/],
    ["none of the system's authorities", { tls: {} }, /certificate/],
    [
      'no certificate of our own where one is asked for',
      { tls: { ca } },
      /certificate required|alert|ECONNRESET|EPIPE/,
    ],
    ['a wrong password', { password: 'wrong-secret' }, /WRONGPASS/],
  ])('is not published on with %s: told, and nothing given away', async (_, changed, told) => {
    const { port, sent } = await listenIn(server.port);
    const { made, troubles } = publisher({ port, ...changed });
    await vi.waitFor(() => expect(troubles.join()).toMatch(told), patience);
    await expect(made.publish(event)).rejects.toMatchObject({ code: 'unavailable' });
    expect(`${troubles.join()} ${sent()}`).not.toMatch(/not-a-secret|wrong-secret|a-payload/);
  });

  it('gets nothing from us when it speaks no TLS', async () => {
    const { hostname, port: plainPort } = new URL(inject('redisUrl'));
    const { port, sent } = await listenIn(Number(plainPort), hostname);
    const { made } = publisher({ port });
    await vi.waitFor(() => expect(sent()).not.toBe(''), patience);
    await expect(made.publish(event)).rejects.toMatchObject({ code: 'unavailable' });
    expect(made.isConnected).toBe(false);
    expect(sent()).not.toMatch(/not-a-secret|AUTH|a-payload/);
  });
});
