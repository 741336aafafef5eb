import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { steward } from '../cli/support/memory-cli.js';
import { type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { expectUnharmed, settleBystander } from './support/bystander.js';

let folder: string;
let daemon: RealDaemon;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bad-'));
  daemon = await realDaemon(folder);
  await settleBystander(daemon);
});
afterEach(async () => {
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

describe('an address that cannot be used', () => {
  it.each([
    ['a port in use', () => `127.0.0.1:${usedPort}`, 'address-in-use', 4],
    ['a socket in use', () => `unix:${join(folder, 'used.sock')}`, 'address-in-use', 4],
    ['a file in the place of a socket', () => `unix:${join(folder, 'file')}`, 'address-in-use', 4],
    ['a socket path too long', () => `unix:${join(folder, 'x'.repeat(120))}`, 'invalid-config', 2],
    ['a relative socket path', () => 'unix:d.sock', 'invalid-config', 2],
    ['an open address without TLS', () => '0.0.0.0:0', 'invalid-config', 2],
    ['no address', () => 'nonsense', 'invalid-config', 2],
    ['a port beyond the last', () => '127.0.0.1:70000', 'invalid-config', 2],
  ])('%s ends the start with what is wrong, and the next start works', async (_what, address, code, exit) => {
    await listen('127.0.0.1');
    await listen(join(folder, 'used.sock'));
    await writeFile(join(folder, 'file'), '');
    await daemon.close();
    const listening = { listen: [`unix:${join(folder, 'd.sock')}`, address()] };
    const failure = await realDaemon(folder, listening).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(address().replace('unix:', '')) });

    const config = await configFile({ stateFolder: join(folder, 'daemon'), ...listening });
    const run = await steward(['daemon', '--config', config, '--log-level', 'fatal']);
    expect(run).toMatchObject({ code: exit, stdout: '' });
    expect(run.stderr).toContain(address().replace('unix:', ''));

    daemon = await realDaemon(folder);
    await expectUnharmed(daemon);
  });
});

describe('a state folder that cannot be used', () => {
  it('owned by a running daemon is refused, and that one works on', async () => {
    const config = await configFile({
      stateFolder: join(folder, 'daemon'),
      listen: [`unix:${folder}/2.sock`],
    });
    const run = await steward(['daemon', '--config', config, '--log-level', 'fatal']);
    expect(run).toMatchObject({ code: 4, stdout: '' });
    expect(run.stderr).toContain(`process ${process.pid} owns`);
    await expectUnharmed(daemon);
  });

  it('below a file is refused with its path', async () => {
    await writeFile(join(folder, 'file'), '');
    const config = await configFile({ stateFolder: join(folder, 'file', 'state') });
    const run = await steward(['daemon', '--config', config, '--log-level', 'fatal']);
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining(join(folder, 'file')) });
    await expectUnharmed(daemon);
  });

  it.skipIf(process.getuid?.() === 0)('that is closed to us is refused with its path', async () => {
    await mkdir(join(folder, 'closed'));
    await chmod(join(folder, 'closed'), 0o500);
    const config = await configFile({ stateFolder: join(folder, 'closed', 'state') });
    const run = await steward(['daemon', '--config', config, '--log-level', 'fatal']);
    expect(run).toMatchObject({ code: 9, stderr: expect.stringContaining(join(folder, 'closed')) });
  });
});

describe('a configuration', () => {
  it.each([
    ['a wrong key', { stateFoldr: '/x' }, 'stateFoldr: there is no such key'],
    [
      'a wrong key deep inside',
      { storage: { folder: '/x', buckett: 'y' } },
      'storage.buckett: there is no such key',
    ],
    ['a wrong type', { listen: 'unix:/x' }, 'listen: '],
    ['a value out of range', { limits: { jobsMax: 0 } }, 'limits.jobsMax: '],
    ['a bad bucket', { storage: { folder: '/x', bucket: '../y' } }, 'storage.bucket: '],
    ['no object', [], 'it must be a JSON object'],
  ])('with %s is refused with the path of the key', async (_what, json, message) => {
    const file = await configFile(json);
    for (const args of [
      ['config', 'check', file],
      ['daemon', '--config', file, '--log-level', 'fatal'],
    ]) {
      const run = await steward(args);
      expect(run).toMatchObject({ code: 2, stdout: '' });
      expect(run.stderr).toContain(message);
      expect(run.stderr).toContain(file);
    }
  });

  it('that is not JSON, or not there, is refused', async () => {
    const file = join(folder, 'daemon.json');
    const missing = await steward(['config', 'check', file]);
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('ENOENT') });
    await writeFile(file, '{"listen": [');
    const broken = await steward(['config', 'check', file, '--json']);
    expect(broken.code).toBe(2);
    expect(JSON.parse(broken.stderr)).toMatchObject({
      error: { code: 'invalid-config', status: status[status.INVALID_ARGUMENT] },
    });
  });
});

let usedPort = 0;

async function listen(where: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    if (where.startsWith('/')) server.listen(where, resolve);
    else server.listen(0, where, resolve);
  });
  const address = server.address() as AddressInfo | string;
  if (typeof address === 'object') usedPort = address.port;
  onTestFinished(() => {
    server.close();
  });
}

/** A file that names everything, so that nothing of this machine is used. */
async function configFile(changes: object): Promise<string> {
  const path = join(folder, 'daemon.json');
  const whole = {
    stateFolder: join(folder, 'other'),
    secretsFolder: join(folder, 'other-secrets'),
    listen: [`unix:${join(folder, 'other.sock')}`],
    storage: { folder: join(folder, 'objects') },
  };
  await writeFile(path, JSON.stringify(Array.isArray(changes) ? changes : { ...whole, ...changes }));
  return path;
}
