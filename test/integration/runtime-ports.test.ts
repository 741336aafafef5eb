import { get } from 'node:http';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  PortSpec,
  PortVisibility,
  StopWorkspacePolicy,
  WorkspacePhase,
} from '../../src/gen/ws-manager-api/core.js';
import { startRequest } from '../manager/rig.js';
import { ManagerPlace } from './support/manager-place.js';

const { RUNNING, STOPPED } = WorkspacePhase;
/** Elsewhere in each run, so that runs at the same time keep out of each other's way. */
const first = 18_000 + (process.pid % 100) * 10;
let place: ManagerPlace;

beforeEach(async () => {
  place = await ManagerPlace.make({ hostPorts: { first, last: first + 9 } });
});

afterEach(() => place.clear());

/** A web server as a workspace's command, and the port it listens on. */
async function startServer(): Promise<{ port: number; ownerToken: string }> {
  const script = `require('node:http').createServer((request, response) => response.end('web ' + request.url))
    .listen(0, '127.0.0.1', function () {
      require('node:fs').writeFileSync('port', this.address().port + '\\n');
    });`;
  const command = JSON.stringify([process.execPath, '-e', script]);
  const metadata = { annotations: { 'steward.dev/command': command } };
  const { ownerToken } = await place.manager.startWorkspace(startRequest({ metadata }));
  return { port: Number(await place.soon('port')), ownerToken };
}

function expose(port: number, visibility: PortVisibility) {
  const spec = PortSpec.fromPartial({ port, visibility });
  return place.manager.controlPort({ id: 'instance-1', expose: true, spec });
}

async function urlOf(port: number): Promise<string> {
  const { spec } = await place.until(
    (status) => status.spec?.exposedPorts.some((one) => one.port === port) === true,
  );
  return spec?.exposedPorts.find((one) => one.port === port)?.url ?? '';
}

function ask(url: string, headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve) => {
    get(`${url}page`, { headers, agent: false }, async (answer) => {
      resolve(`${answer.statusCode} ${(await text(answer)).trim()}`);
    }).on('error', () => resolve('unreachable'));
  });
}

function soon(look: () => Promise<string>) {
  return expect.poll(look, { timeout: 20_000, interval: 10 });
}

test('a web server in a workspace is reached at the address its status tells, until it stops', async () => {
  const { port, ownerToken } = await startServer();
  await expose(port, 0);
  const url = await urlOf(port);
  const token = { 'x-gitpod-owner-token': ownerToken };
  await soon(() => ask(url, token)).toBe('200 web /page');
  expect(await ask(url)).toMatch(/^401 /);
  await expose(port, 1);
  await soon(() => ask(url)).toBe('200 web /page');
  const { ports } = await place.runtime.listPorts({ instanceId: 'instance-1' });
  expect(ports).toMatchObject([{ port, visibility: 1, url, served: true, problem: '' }]);

  await place.stop();
  expect(await ask(url)).toBe('unreachable');
  await place.start();
  await soon(() => ask(url)).toBe('200 web /page');
  expect(await urlOf(port)).toBe(url);

  await place.manager.controlPort({ id: 'instance-1', expose: false, spec: PortSpec.fromPartial({ port }) });
  await soon(() => ask(url)).toBe('unreachable');
  await expose(port, 1);
  await soon(async () => ask(await urlOf(port))).toBe('200 web /page');
  const last = await urlOf(port);
  await place.manager.stopWorkspace({ id: 'instance-1', policy: StopWorkspacePolicy.IMMEDIATELY });
  await place.until(({ phase }) => phase === STOPPED);
  expect(await ask(last)).toBe('unreachable');
});

test('a port of another program on this machine is not handed out', async () => {
  await startServer();
  const other = createServer((socket) => socket.end('not for workspaces'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await expose(port, 1);
  const url = await urlOf(port);
  await soon(
    async () => (await place.runtime.listPorts({ instanceId: 'instance-1' })).ports[0]?.problem ?? '',
  ).toBe('no program of the workspace listens on it');
  expect(await ask(url)).toBe('unreachable');
  await new Promise((resolve) => other.close(resolve));
});

test('ports that are none, and more than there is room for, are refused with the reason', async () => {
  await startServer();
  for (const port of [0, 65_536, 4_294_967_295]) {
    await expect(expose(port, 1)).rejects.toMatchObject({ code: 'invalid-argument' });
  }
  await expect(expose(80, PortVisibility.UNRECOGNIZED)).rejects.toMatchObject({ code: 'invalid-argument' });
  for (let port = 1; port <= 10; port += 1) await expose(port, 1);
  await expect(expose(11, 1)).rejects.toMatchObject({
    code: 'overloaded',
    message: expect.stringContaining(`every host port from ${first} to ${first + 9} is taken`),
  });
  const spec = { ports: [PortSpec.fromPartial({ port: 80 })] };
  const other = startRequest({ id: 'instance-2', metadata: { metaId: 'workspace-2' }, spec });
  await expect(place.manager.startWorkspace(other)).rejects.toMatchObject({ code: 'overloaded' });
  await place.until(({ phase }) => phase === RUNNING);
});
