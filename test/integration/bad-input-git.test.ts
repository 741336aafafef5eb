import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { gate } from '../support/intercepted-files.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { expectUnharmed, settleBystander } from './support/bystander.js';

let folder: string;
let daemon: RealDaemon;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bad-'));
  // As root, git runs as the content's user, who has to get through.
  await chmod(folder, 0o711);
  daemon = await realDaemon(folder);
  await settleBystander(daemon);
});
afterEach(async () => {
  await expectUnharmed(daemon);
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

describe('a Git server that never answers', () => {
  it('costs its own set-up its deadline and others nothing, and is told', async () => {
    await daemon.close();
    daemon = await realDaemon(folder, { limits: { initialize: '3s' } });
    const { url, connected } = await serve(() => undefined);
    const init = daemon.content.initWorkspace(cloneOf(url)).catch((error: unknown) => error);
    await Promise.race([connected, init]);
    await daemon.content.initWorkspace(emptyWorkspace('i2', 'w2'));
    await expectUnharmed(daemon);
    expect(await init).toMatchObject({
      code: 'deadline-exceeded',
      entry: { status: status.DEADLINE_EXCEEDED },
      message: expect.stringContaining('took longer than'),
    });
    await expectGone('i1');
    const again = daemon.content.waitForInit({ id: 'i1' });
    await expect(again).rejects.toMatchObject({ code: 'deadline-exceeded' });
  });

  it('is left as soon as somebody disposes, whose caller need not wait for it', async () => {
    const { url, connected } = await serve(() => undefined);
    const init = daemon.content
      .initWorkspace(cloneOf(url), { timeoutMs: 60_000 })
      .catch((error: unknown) => error);
    await Promise.race([connected, init]);
    await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
    expect(await init).toMatchObject({
      code: 'wrong-state',
      message: expect.stringContaining('disposed before its content was ready'),
    });
    await expectGone('i1');
  });
});

describe('a Git server that sends garbage', () => {
  it.each([
    ['bytes that mean nothing', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a packet that ends too soon', '0100abc'],
    ['an error with control characters', `${'001cERR \u001b]0;owned\u0007 denied'}\n`],
  ])('%s: the set-up fails with what git says, and leaves nothing', async (_what, bytes) => {
    const { url } = await serve((socket) => socket.end(bytes));
    await expect(daemon.content.initWorkspace(cloneOf(url))).rejects.toMatchObject({
      code: 'git-failed',
      entry: { status: status.INTERNAL, remedy: expect.stringContaining('clone URL') },
      message: expect.stringContaining('git clone: '),
    });
    await expectGone('i1');
  });

  it('that is not there at all is told with its address', async () => {
    const init = daemon.content.initWorkspace(cloneOf('git://127.0.0.1:1/x'));
    await expect(init).rejects.toMatchObject({
      code: 'git-failed',
      entry: { status: status.INTERNAL, remedy: expect.stringContaining('clone URL') },
      message: expect.stringContaining('127.0.0.1'),
    });
    await expectGone('i1');
  });
});

/** Nothing of it is left on the disk, and its workspace is free. */
async function expectGone(id: string): Promise<void> {
  await expect.poll(() => daemon.content.isWorkspaceExists({ id })).toEqual({ exists: false });
  expect(await readdir(join(folder, 'daemon', 'workspaces'))).not.toContain(id);
  await daemon.content.initWorkspace(emptyWorkspace('next'));
}

function cloneOf(remoteUri: string) {
  return {
    ...emptyWorkspace('i1'),
    initializer: WorkspaceInitializer.fromJSON({ git: { remoteUri, config: {} } }),
  };
}

async function serve(onConnection: (socket: Socket) => void) {
  const first = gate();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    first.open();
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `git://127.0.0.1:${(server.address() as AddressInfo).port}/x`, connected: first.passed };
}
