import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GetInfoResponse, SystemServiceService as service } from '../../src/gen/steward/v1/system.js';
import { formatAddress, isLocal, parseAddress } from '../../src/grpc/address.js';
import { createClient } from '../../src/grpc/client.js';
import type { GrpcServer, GrpcServerOptions } from '../../src/grpc/server.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { connectTo, failureOf, startServer } from './running-server.js';

const addInfo = (server: GrpcServer) =>
  server.addService(service, { getInfo: async () => GetInfoResponse.fromPartial({ program: 'test' }) });
const start = (addresses: string[], options: Partial<GrpcServerOptions> = {}) =>
  startServer(addInfo, { addresses, ...options });
const programAt = async (address: string) =>
  (await createClient(service, connectTo(address)).getInfo({})).program;

describe('addresses', () => {
  test.each([
    ['unix:/run/steward/a.sock', { kind: 'unix', path: '/run/steward/a.sock' }],
    ['unix:///run/steward/a.sock', { kind: 'unix', path: '/run/steward/a.sock' }],
    ['127.0.0.1:0', { kind: 'tcp', host: '127.0.0.1', port: 0 }],
    ['localhost:80', { kind: 'tcp', host: '127.0.0.1', port: 80 }],
    ['[::1]:443', { kind: 'tcp', host: '::1', port: 443 }],
    ['manager.example:65535', { kind: 'tcp', host: 'manager.example', port: 65_535 }],
  ])('%s is understood', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(parseAddress(formatAddress(parseAddress(text)))).toEqual(address);
  });

  test.each([
    '',
    'host',
    'host:',
    ':80',
    '::1:80',
    '[host]:80',
    'host:65536',
    'host:-1',
    'http://host:80',
    'unix:',
    'unix:a.sock',
    'unix:/a\0b',
  ])('%j is refused', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'invalid-config' }));
  });

  test.each([
    ['127.3.2.1:1', true],
    ['[::1]:1', true],
    ['unix:/a', true],
    ['0.0.0.0:1', false],
    ['[::]:1', false],
    ['127.example:1', false],
    ['10.0.0.1:1', false],
  ])('whether only this machine reaches %s: %s', (text, local) => {
    expect(isLocal(parseAddress(text))).toBe(local);
  });
});

describe('TCP', () => {
  test('the answered address has the port that the system chose', async () => {
    const { addresses } = await start(['127.0.0.1:0']);
    expect(addresses[0]).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect(await programAt(addresses[0] ?? '')).toBe('test');
  });

  test('a port in use is said to be in use, and nothing stays bound', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const socket = join(await temporaryFolder(), 'a.sock');
    const error = await failureOf(start([`unix:${socket}`, `localhost:${port}`]));
    expect(error).toMatchObject({ code: 'address-in-use', message: expect.stringContaining(`:${port}`) });
    expect(await failureOf(programAt(`unix:${socket}`))).toMatchObject({ code: 'unavailable' });
    taken.close();
  });

  test('an address others can reach needs TLS or a word that it does not', async () => {
    expect(await failureOf(start(['0.0.0.0:0']))).toMatchObject({ code: 'invalid-config' });
    const { addresses } = await start(['0.0.0.0:0'], { insecure: true });
    expect(await programAt((addresses[0] ?? '').replace('0.0.0.0', '127.0.0.1'))).toBe('test');
  });

  test('a name that does not resolve is a wrong configuration', async () => {
    const error = await failureOf(start(['no-such-host.invalid:1'], { insecure: true }));
    expect(error).toMatchObject({ code: 'invalid-config' });
  });
});

describe('Unix sockets', () => {
  test('are for their user only, and so is the folder that was made for them', async () => {
    const folder = join(await temporaryFolder(), 'new');
    await start([`unix:${folder}/a.sock`]);
    expect((await stat(`${folder}/a.sock`)).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await programAt(`unix:${folder}/a.sock`)).toBe('test');
  });

  test('can be opened to a group', async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o755);
    await start([`unix:${folder}/a.sock`], { socketMode: 0o660 });
    expect((await stat(`${folder}/a.sock`)).mode & 0o777).toBe(0o660);
  });

  test('left behind by a killed program are taken over', async () => {
    const path = join(await temporaryFolder(), 'a.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    expect((await stat(path)).isSocket()).toBe(true);
    await start([`unix:${path}`]);
    expect(await programAt(`unix:${path}`)).toBe('test');
  });

  test('that somebody serves are left alone', async () => {
    const path = join(await temporaryFolder(), 'a.sock');
    await start([`unix:${path}`]);
    expect(await failureOf(start([`unix:${path}`]))).toMatchObject({ code: 'address-in-use' });
    expect(await programAt(`unix:${path}`)).toBe('test');
  });

  test('never replace a file', async () => {
    const path = join(await temporaryFolder(), 'a.sock');
    await writeFile(path, 'precious');
    expect(await failureOf(start([`unix:${path}`]))).toMatchObject({ code: 'address-in-use' });
    expect((await stat(path)).size).toBe('precious'.length);
  });

  test('take the longest path the kernel takes, and refuse one byte more with its length', async () => {
    const folder = await temporaryFolder();
    const longest = `${folder}/${'a'.repeat(107 - folder.length - 1)}`;
    await start([`unix:${longest}`]);
    expect(await programAt(`unix:${longest}`)).toBe('test');
    const error = await failureOf(start([`unix:${longest}b`]));
    expect(error).toMatchObject({ code: 'invalid-config', message: expect.stringContaining('108 bytes') });
  });
});
