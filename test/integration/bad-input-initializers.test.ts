import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { listen } from '../content/support/git-server.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { expectUnharmed, settleBystander } from './support/bystander.js';

let folder: string;
let daemon: RealDaemon;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bad-'));
  // As root, downloads are written by the content's user, who has to get through.
  await chmod(folder, 0o711);
  daemon = await realDaemon(folder);
  await settleBystander(daemon);
});
afterEach(async () => {
  await expectUnharmed(daemon);
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

it.each([100, 1_000])('%i composites one inside the other are refused', async (depth) => {
  let initializer: WorkspaceInitializer = { spec: { $case: 'empty', value: {} } };
  for (let level = 0; level < depth; level += 1) {
    initializer = { spec: { $case: 'composite', value: { initializer: [initializer] } } };
  }
  await expect(daemon.content.initWorkspace({ ...emptyWorkspace('i1'), initializer })).rejects.toMatchObject({
    entry: { status: status.INVALID_ARGUMENT },
  });
  await expectGone('i1');
});

it('a message so deep that reading it takes more than the stack is refused, and nobody is harmed', async () => {
  const answer = await callRaw('/wsdaemon.WorkspaceContentService/InitWorkspace', deepRequest(40_000));
  expect(answer.code).not.toBe(status.OK);
  await expectGone('deep');
});

it.each(['/etc/cron.d/x', '../../../etc/cron.d/x', 'a/../../x', '.git/hooks/post-checkout', 'a\u0000b', ''])(
  'a download to %j is refused',
  async (filePath) => {
    const init = daemon.content.initWorkspace(downloadOf('i1', 'http://127.0.0.1:1/x', filePath));
    await expect(init).rejects.toMatchObject({ entry: { status: status.INVALID_ARGUMENT } });
    await expectGone('i1');
  },
);

it('a download of more than the workspace may hold ends its set-up with RESOURCE_EXHAUSTED', async () => {
  const url = await listen(
    createServer((_, response) => {
      const timer = setInterval(() => response.write(Buffer.alloc(200_000)), 1);
      response.on('close', () => clearInterval(timer));
    }),
  );
  const request = { ...downloadOf('i1', url, 'bomb'), storageQuotaBytes: 1_000_000n };
  await expect(daemon.content.initWorkspace(request)).rejects.toMatchObject({
    code: 'quota-exceeded',
    entry: { status: status.RESOURCE_EXHAUSTED },
  });
  await expectGone('i1');
});

it('a download that is something else ends its set-up, and the message keeps the secret of its URL', async () => {
  const url = await listen(createServer((_, response) => response.end('something else')));
  await expect(
    daemon.content.initWorkspace(downloadOf('i1', `${url}/x?token=hunter2`, 'a')),
  ).rejects.toMatchObject({
    code: 'download-failed',
    message: expect.stringMatching(/^(?!.*hunter2).*digest/s),
  });
  await expectGone('i1');
});

it('the second of several that fails leaves nothing of the first', async () => {
  const url = await listen(
    createServer((request, response) =>
      request.url === '/good' ? response.end('good') : response.writeHead(410).end(),
    ),
  );
  const parts = [downloadOf('i1', `${url}/good`, 'a', 'good'), downloadOf('i1', `${url}/bad`, 'b')];
  const initializer = parts.map((part) => part.initializer);
  const request = {
    ...emptyWorkspace('i1'),
    initializer: { spec: { $case: 'composite', value: { initializer } } } satisfies WorkspaceInitializer,
  };
  await expect(daemon.content.initWorkspace(request)).rejects.toMatchObject({
    code: 'download-failed',
    message: expect.stringContaining('initializer 1 (download)'),
  });
  await expectGone('i1');
});

/** Bytes by hand: no client of ours could write them. */
function deepRequest(depth: number): Buffer {
  const prefixes: Buffer[] = [];
  let length = 0;
  const wrap = (field: number) => {
    const prefix = Buffer.from([(field << 3) | 2, ...varint(length)]);
    prefixes.push(prefix);
    length += prefix.length;
  };
  for (let level = 0; level < depth; level += 1) {
    wrap(1);
    wrap(5);
  }
  wrap(3);
  const id = Buffer.concat([Buffer.from([0x0a, 4]), Buffer.from('deep')]);
  return Buffer.concat([id, ...prefixes.reverse()]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

function callRaw(method: string, request: Buffer): Promise<{ readonly code: status }> {
  const client = new Client(`unix:${join(folder, 'd.sock')}`, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(method, asIs, asIs, request, (error) => {
      client.close();
      resolve({ code: error?.code ?? status.OK });
    });
  });
}

/** Nothing of it is left on the disk, and its workspace is free. */
async function expectGone(id: string): Promise<void> {
  await expect.poll(() => daemon.content.isWorkspaceExists({ id })).toEqual({ exists: false });
  expect(await readdir(join(folder, 'daemon', 'workspaces'))).not.toContain(id);
  await daemon.content.initWorkspace(emptyWorkspace('next'));
}

function downloadOf(id: string, url: string, filePath: string, content = 'hello') {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  const initializer = WorkspaceInitializer.fromJSON({ download: { files: [{ url, filePath, digest }] } });
  return { ...emptyWorkspace(id), initializer };
}
