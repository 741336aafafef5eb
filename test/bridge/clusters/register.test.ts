import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findClusters } from '../../../src/bridge/clusters/cluster-rows.js';
import { ClusterRegistry } from '../../../src/bridge/clusters/registry.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { DescribeClusterResponse } from '../../../src/gen/ws-manager-api/core.js';
import {
  ClusterState,
  Preferability,
  type RegisterRequest,
} from '../../../src/gen/ws-manager-bridge-api/cluster-service.js';
import { createAuthority } from '../../grpc/certificates.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { clientTls, plainManager, securedManager } from '../support/managers.js';
import { databaseWithWriting, registration, startRegistry, staticCluster } from '../support/registry-rig.js';

const ofStatus = (code: status, message: string) => ({
  entry: { status: code },
  message: expect.stringContaining(message),
});

describe('Register', () => {
  it('takes a cluster up with what its hints and its manager say', async () => {
    const { manager, tls } = await securedManager();
    manager.classes = DescribeClusterResponse.fromPartial({
      workspaceClasses: [{ id: 'small', displayName: 'Small', description: 'd', creditsPerMinute: 0.1 }],
      preferredWorkspaceClass: 'small',
    });
    const { client, rows, changes } = await startRegistry();
    const permission = {
      constraint: { $case: 'hasPermission', value: { permission: 'developer' } },
    } as const;
    const preview = { constraint: { $case: 'hasFeaturePreview', value: {} } } as const;
    await client.register({
      ...registration('eu-1', manager.address, { tls, region: 'europe' }),
      hints: { perfereability: Preferability.Prefer, cordoned: true },
      admissionConstraints: [permission, preview, permission],
    });
    expect(await rows()).toEqual([
      {
        name: 'eu-1',
        url: manager.address,
        tls,
        state: 'cordoned',
        score: 100,
        maxScore: 100,
        governed: true,
        admissionConstraints: [
          { type: 'has-permission', permission: 'developer' },
          { type: 'has-feature-preview' },
        ],
        region: 'europe',
        availableWorkspaceClasses: [
          { id: 'small', displayName: 'Small', description: 'd', creditsPerMinute: 0.1 },
        ],
        preferredWorkspaceClass: 'small',
        isStatic: false,
      },
    ]);
    expect(changes()).toBe(1);
    const listed = await client.list({});
    expect(listed.status).toMatchObject([
      {
        name: 'eu-1',
        state: ClusterState.CORDONED,
        score: 100,
        governed: true,
        static: false,
        region: 'europe',
      },
    ]);
    expect(listed.status[0]?.admissionConstraint).toEqual([permission, preview]);
    expect(JSON.stringify(listed)).not.toContain(tls.key.slice(0, 40));
  });

  it.each([
    [undefined, 'available', 50],
    [{ perfereability: Preferability.None, cordoned: false }, 'available', 50],
    [{ perfereability: Preferability.DontSchedule, cordoned: false }, 'available', 0],
    [{ perfereability: Preferability.Prefer, cordoned: true }, 'cordoned', 100],
  ] as const)('reads the hints %j', async (hints, state, score) => {
    const manager = await plainManager();
    const { client, rows } = await startRegistry();
    await client.register(registration('a', manager.address, { hints }));
    expect(await rows()).toMatchObject([{ state, score, maxScore: 100, tls: undefined }]);
  });

  it('refuses a name or a url that is taken, in the database or in the configuration, and says so truly', async () => {
    const manager = await plainManager();
    const other = await plainManager();
    const { client, rows } = await startRegistry([staticCluster('fixed', 'unix:/fixed.sock')]);
    await client.register(registration('a', manager.address));
    const exists = (message: string) => ofStatus(status.ALREADY_EXISTS, message);
    await expect(client.register(registration('a', manager.address))).rejects.toMatchObject(exists('"a"'));
    await expect(client.register(registration('a', other.address))).rejects.toMatchObject(exists('name'));
    await expect(client.register(registration('b', manager.address))).rejects.toMatchObject(exists('url'));
    await expect(client.register(registration('A', other.address))).rejects.toMatchObject(exists('"a"'));
    await expect(client.register(registration('FIXED', other.address))).rejects.toMatchObject(exists('name'));
    await expect(client.register(registration('fixed', other.address))).rejects.toMatchObject(exists('name'));
    await expect(client.register(registration('b', 'unix:/fixed.sock'))).rejects.toMatchObject(exists('url'));
    expect((await rows()).map(({ name }) => name)).toEqual(['a']);
    expect(other.descriptions).toBe(0);
  });

  it('lets one of many that come at once have a name, or a url', async () => {
    const [one, two] = [await plainManager(), await plainManager()];
    const { client, rows } = await startRegistry();
    const settled = await Promise.allSettled([
      client.register(registration('a', one.address)),
      client.register(registration('a', two.address)),
      client.register(registration('b', one.address)),
    ]);
    const left = await rows();
    expect(settled.filter((result) => result.status === 'fulfilled')).toHaveLength(left.length);
    expect(new Set(left.map(({ url }) => url)).size).toBe(left.length);
  });

  it('takes up as many clusters at once as anybody has', async () => {
    const { database, writing } = await databaseWithWriting();
    const registry = new ClusterRegistry({
      ...{ database, writing, statics: async () => [], onChanged: () => undefined },
      describe: async () => ({ availableWorkspaceClasses: [], preferredWorkspaceClass: '' }),
    });
    const names = Array.from({ length: 40 }, (_, index) => `c-${index + 10}`);
    const { signal } = new AbortController();
    await Promise.all(
      names.map((name) => registry.register(registration(name, `unix:/${name}.sock`), signal)),
    );
    const rows = await database.read((connection) => findClusters(connection));
    expect(rows.map(({ name }) => name)).toEqual(names);
  });

  const refused: readonly (readonly [string, Partial<RegisterRequest>, string])[] = [
    ['an unknown region', { region: 'atlantis' }, 'region'],
    ['no name', { name: '' }, 'name'],
    ['a name with a quote in it', { name: "a' or '1'='1" }, 'name'],
    ['a name with a line break', { name: 'a\nb' }, 'name'],
    ['a name that is too long', { name: 'a'.repeat(65) }, 'name'],
    ['no url', { url: '' }, 'url'],
    ['a url that is too long', { url: `${'a'.repeat(255)}:1` }, 'url'],
    ['a url with blanks', { url: 'a b:1' }, 'url'],
    ['no tls', { tls: undefined }, 'tls'],
    ['no certificates for a manager elsewhere', { url: 'ws-manager.example:8080' }, 'tls'],
    [
      'a preferability of the future',
      { hints: { perfereability: 7 as Preferability, cordoned: false } },
      'hints',
    ],
    ['an empty constraint', { admissionConstraints: [{ constraint: undefined }] }, 'admission_constraints'],
    [
      'a permission without a name',
      { admissionConstraints: [{ constraint: { $case: 'hasPermission', value: { permission: '' } } }] },
      'permission',
    ],
    ['a member of tls that is missing', { tls: { ca: 'LS0t', crt: '', key: 'LS0t' } }, 'tls.crt'],
    ['tls that is no base64', { tls: { ca: '<script>', crt: 'x', key: 'y' } }, 'tls.ca'],
    ['tls that is no PEM', { tls: { ca: 'aGVsbG8=', crt: 'aGVsbG8=', key: 'aGVsbG8=' } }, 'tls.ca'],
  ];
  it.each(refused)('refuses %s as INVALID_ARGUMENT', async (_what, but, field) => {
    const { client, rows } = await startRegistry();
    const request = registration('a', 'unix:/m.sock', but);
    await expect(client.register(request)).rejects.toMatchObject(ofStatus(status.INVALID_ARGUMENT, field));
    expect(await rows()).toEqual([]);
  });

  it('refuses certificates that nobody can use, and repeats nothing of them', async () => {
    const { manager, tls, authority } = await securedManager();
    const { client, rows, log } = await startRegistry();
    const mixed = { ...tls, key: clientTls(authority).key };
    const refused = client.register(registration('a', manager.address, { tls: mixed }));
    await expect(refused).rejects.toMatchObject(ofStatus(status.INVALID_ARGUMENT, 'tls'));
    expect(await rows()).toEqual([]);
    expect(log.join('')).not.toContain(mixed.key.slice(0, 40));
  });

  it('is FAILED_PRECONDITION when the manager cannot be reached or does not let the bridge in', async () => {
    const { manager } = await securedManager();
    const stranger = clientTls(createAuthority('theirs'));
    const { client, rows, changes } = await startRegistry();
    const unreachable = (message: string) => ofStatus(status.FAILED_PRECONDITION, message);
    await expect(
      client.register(registration('a', manager.address, { tls: stranger })),
    ).rejects.toMatchObject(unreachable('did not answer'));
    await expect(client.register(registration('a', 'unix:/nobody.sock'))).rejects.toMatchObject(
      unreachable('did not answer'),
    );
    expect(await rows()).toEqual([]);
    expect(changes()).toBe(0);
  });

  it.each([
    'http://',
    ':::',
    'unix:',
    'unix:///',
    'dns:',
    'dns:///',
    'ipv4:x',
    '[::1',
    '127.0.0.1:99999999',
    "x'y:1",
  ])('survives the address %s', async (url) => {
    const tls = clientTls(createAuthority('ours'));
    const { client, rows } = await startRegistry();
    const refused: unknown = await client
      .register(registration('a', url, { tls }))
      .catch((error: unknown) => error);
    expect([status.INVALID_ARGUMENT, status.FAILED_PRECONDITION]).toContain(
      refused instanceof StewardError ? refused.entry.status : undefined,
    );
    expect(await rows()).toEqual([]);
  });

  it('ends with its caller, and a manager that never answers holds up nobody else', async () => {
    const hanging = await plainManager();
    hanging.mood = 'hang';
    const manager = await plainManager();
    const { client, rows } = await startRegistry();
    const abort = new AbortController();
    const stuck = client.register(registration('a', hanging.address), { signal: abort.signal });
    stuck.catch(() => undefined);
    await client.register(registration('b', manager.address));
    expect((await client.list({})).status.map(({ name }) => name)).toEqual(['b']);
    abort.abort();
    await expect(stuck).rejects.toMatchObject({ entry: { status: status.CANCELLED } });
    expect((await rows()).map(({ name }) => name)).toEqual(['b']);
  });

  it('closes the connection it tried', async () => {
    const manager = await plainManager();
    const { client } = await startRegistry();
    const door = join(await temporaryFolder(), 'door.sock');
    const closed: Promise<unknown>[] = [];
    const server = createServer((socket) => {
      closed.push(once(socket, 'close'));
      const inside = connect(manager.address.slice('unix:'.length));
      pipeline(socket, inside, socket, () => undefined);
    }).listen(door);
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    await client.register(registration('a', `unix:${door}`));
    expect(closed).toHaveLength(1);
    await Promise.all(closed);
  });

  it('is UNAVAILABLE while another bridge writes, and the list is told all the same', async () => {
    const { client, refuse } = await startRegistry([staticCluster('fixed')]);
    refuse(new StewardError('unavailable', 'bridge-7 writes'));
    const unavailable = ofStatus(status.UNAVAILABLE, 'bridge-7');
    await expect(client.register(registration('a', 'unix:/m.sock'))).rejects.toMatchObject(unavailable);
    await expect(client.update({ name: 'a', property: { $case: 'score', value: 1 } })).rejects.toMatchObject(
      unavailable,
    );
    await expect(client.deregister({ name: 'a', force: true })).rejects.toMatchObject(unavailable);
    expect((await client.list({})).status).toMatchObject([{ name: 'fixed', static: true }]);
  });
});
