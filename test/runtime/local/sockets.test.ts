import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { id, instance, never, owner, PATH, Place } from './support.js';

let place: Place;
const servers: Server[] = [];

beforeEach(async () => {
  place = await Place.make({ owner });
});

afterEach(async () => {
  await place.clear();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

/** A program of the instance that listens, and says on which port. */
async function start(host: string, name = instance): Promise<number> {
  const script = `
    const server = require('node:net').createServer().listen(0, ${JSON.stringify(host)}, () =>
      require('node:fs').writeFileSync('port-${name}', server.address().port + '\\n'));`;
  await place.start('', {
    instance: name,
    work: { kind: 'command', command: [process.execPath, '-e', script] },
    env: { PATH },
  });
  return Number(await place.soon(`port-${name}`));
}

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

const ADDRESSES: readonly (readonly [string, string])[] = [
  ['127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['127.0.0.9', '127.0.0.9'],
  ...(hasIpv6 ? [['::1', '0000:0000:0000:0000:0000:0000:0000:0001'] as const] : []),
];

/** Node may lie where only we can start it. */
const canNode = owner === undefined || !process.execPath.startsWith('/root');

describe.runIf(canNode)('who listens on a port', () => {
  test.each(ADDRESSES)('at %s is reached at %s', async (host, reached) => {
    const port = await start(host);
    await expect(place.runtime.listener(instance, port)).resolves.toEqual({ host: reached, port });
    await expect(place.another().listener(instance, port)).resolves.toEqual({ host: reached, port });
  });

  test('is nobody when it is a program of the machine, or of another instance', async () => {
    await place.start('exec sleep 1000');
    const ours = await listen('127.0.0.1');
    await expect(place.runtime.listener(instance, ours)).resolves.toBeUndefined();
    const others = await start('127.0.0.1', id('run-2'));
    await expect(place.runtime.listener(instance, others)).resolves.toBeUndefined();
    await expect(place.runtime.listener(id('run-2'), others)).resolves.toMatchObject({ port: others });
  });

  test('is nobody before and after the instance runs', async () => {
    await expect(place.runtime.listener(instance, 80)).resolves.toBeUndefined();
    const port = await start('127.0.0.1');
    await expect(place.runtime.listener(instance, port)).resolves.toBeDefined();
    await place.runtime.stop(instance, 0, never);
    await expect(place.runtime.listener(instance, port)).resolves.toBeUndefined();
  });
});
