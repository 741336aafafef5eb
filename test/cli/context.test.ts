import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { GetMaintenanceResponse, ManagerServiceService } from '../../src/gen/steward/v1/manager_service.js';
import { createAuthority, issue } from '../grpc/certificates.js';
import { startServer } from '../grpc/running-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { jsonLines, steward } from './support/memory-cli.js';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});

const env = () => ({ XDG_CONFIG_HOME: folder });
const contexts = () => join(folder, 'steward', 'contexts');

async function keep(name: string, content: unknown): Promise<void> {
  await mkdir(contexts(), { recursive: true });
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  await writeFile(join(contexts(), `${name}.json`), text);
}

/** A manager on TCP that only lets in who shows a certificate of its authority; all files in the context folder. */
async function secureManager(names: readonly string[] = ['127.0.0.1'], isTls = true) {
  await mkdir(contexts(), { recursive: true });
  const authority = createAuthority('authority');
  const write = (name: string, data: Buffer) => writeFile(join(contexts(), name), data);
  const server = issue(authority, names);
  const client = issue(authority, ['client']);
  const stranger = issue(createAuthority('another'), ['client']);
  await write('ca.pem', authority.certificatePem);
  await write('other-ca.pem', createAuthority('another').certificatePem);
  for (const [name, { certificatePem, keyPem }] of Object.entries({ server, client, stranger })) {
    await write(`${name}.pem`, certificatePem);
    await write(`${name}.key`, keyPem);
  }
  const path = (name: string) => join(contexts(), name);
  const tls = { certificate: path('server.pem'), key: path('server.key'), ca: path('ca.pem') };
  const { addresses } = await startServer(
    (running) =>
      running.addService(ManagerServiceService, {
        getMaintenance: async () => GetMaintenanceResponse.fromPartial({ maintenance: {} }),
        setMaintenance: async () => GetMaintenanceResponse.fromPartial({ maintenance: {} }),
        getInstance: async () => ({ instance: undefined }),
      }),
    { addresses: ['127.0.0.1:0'], ...(isTls ? { tls } : {}) },
  );
  return addresses[0] ?? '';
}

const CLIENT = { tlsCa: 'ca.pem', tlsCert: 'client.pem', tlsKey: 'client.key' };
const ask = () => steward(['maintenance', '--context', 'there'], { env: env() });

describe('a context', () => {
  it('says where an installation is and whom to trust, its files beside it', async () => {
    await keep('there', { address: await secureManager(), ...CLIENT });
    expect(await ask()).toMatchObject({ code: 0, stdout: 'There is no maintenance.\n' });
    const byPath = await steward(['maintenance', '--context', join(contexts(), 'there.json')]);
    expect(byPath.code).toBe(0);
    const byEnvironment = await steward(['maintenance'], { env: { ...env(), STEWARD_CONTEXT: 'there' } });
    expect(byEnvironment.code).toBe(0);
  });

  it('names the certificate where that is not of the address', async () => {
    const address = await secureManager(['manager.example.org']);
    await keep('there', { address, ...CLIENT });
    expect((await ask()).stderr).toContain('certificate is for another name');
    await keep('there', { address, ...CLIENT, serverName: 'manager.example.org' });
    expect((await ask()).code).toBe(0);
  });

  it.each([
    ['an authority that is not trusted', { tlsCa: 'other-ca.pem' }, 'not trusted', '--tls-ca'],
    [
      'no client certificate',
      { tlsCert: undefined, tlsKey: undefined },
      'wants a client certificate',
      '--tls-cert',
    ],
    [
      'a client certificate of somebody else',
      { tlsCert: 'stranger.pem', tlsKey: 'stranger.key' },
      'does not accept the client certificate',
      '--tls-cert',
    ],
  ])('with %s says that, and what to do', async (_what, change, problem, remedy) => {
    await keep('there', { address: await secureManager(), ...CLIENT, ...change });
    const { code, stderr } = await ask();
    expect(stderr).toContain(problem);
    expect(stderr).toContain(remedy);
    expect(code).toBe(9);
  });

  it('with TLS for a server without says that', async () => {
    await keep('there', { address: await secureManager([], false), ...CLIENT });
    expect((await ask()).stderr).toContain('does not speak TLS');
  });

  it('does not show its certificates to another address', async () => {
    await keep('there', { address: 'localhost:1', tlsCert: 'missing.pem', tlsKey: 'missing.key' });
    const args = ['maintenance', '--context', 'there', '--address', await secureManager([], false)];
    expect((await steward(args, { env: env() })).code).toBe(0);
  });

  it.each([
    ['{', 'is not JSON'],
    ['[]', 'is not a JSON object'],
    ['{}', 'neither an address nor a state folder'],
    ['{"address": "localhost:1", "tlsca": "x"}', 'a key nobody knows: tlsca'],
    ['{"address": 5}', 'needs a text for address'],
    ['{"address": "nowhere"}', 'host:port'],
    ['{"address": "localhost:1", "tlsCa": "none.pem"}', 'none.pem'],
    ['{"address": "localhost:1", "tlsCert": "server.pem"}', 'go together'],
  ])('that holds %j is refused as a wrong configuration: %s', async (content, why) => {
    await keep('there', content);
    const { code, stderr } = await ask();
    expect(stderr).toContain(why);
    expect(code).toBe(2);
  });

  it('that is not there is missed by its path', async () => {
    const { code, stderr } = await ask();
    expect(stderr).toContain(join(contexts(), 'there.json'));
    expect(code).toBe(2);
  });
});

describe('the verb for them', () => {
  it('keeps, shows and forgets', async () => {
    const set = ['context', 'set', 'far', '--address', 'h:1', '--tls-ca', '/ca.pem'];
    expect((await steward(set, { env: env() })).code).toBe(0);
    await keep('bad', '{');
    const kept = JSON.parse(await readFile(join(contexts(), 'far.json'), 'utf8'));
    expect(kept).toEqual({ address: 'h:1', tlsCa: '/ca.pem' });
    const { stdout } = await steward(['context', 'list', '--json'], { env: env() });
    expect(jsonLines(stdout)).toMatchObject([
      { name: 'bad', problem: expect.stringContaining('JSON') },
      { name: 'far', where: 'h:1', problem: '' },
    ]);
    const remove = ['context', 'remove', 'far'];
    expect((await steward([...remove, '--dry-run'], { env: env() })).stdout).toContain('would go');
    expect((await steward(remove, { env: env() })).stdout).toContain('is gone');
    expect((await steward(remove, { env: env() })).code).toBe(2);
  });

  it.each([
    [['set', 'far'], 'say where it is'],
    [['set', 'far', '--address', 'nowhere'], 'host:port'],
    [['set', 'far', '--address', 'h:1', '--tls-cert', 'x'], 'go together'],
    [['set', '../far', '--address', 'h:1'], 'The id'],
  ])('refuses %j', async (args, why) => {
    const { code, stderr } = await steward(['context', ...args], { env: env() });
    expect(stderr).toContain(why);
    expect(code).toBe(2);
  });
});
