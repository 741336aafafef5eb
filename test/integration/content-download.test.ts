import { createHash, randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { initialize } from '../../src/content/initialize.js';
import type { InitializeContext } from '../../src/content/initializers/plan.js';
import { planOf } from '../../src/content/initializers/table.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { listen } from '../content/support/git-server.js';
import { contentFolder, contentUser, contextFor, newPlace } from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

type Answer = (request: IncomingMessage, response: ServerResponse, asked: number) => void;

const bytes = randomBytes(3_000_000);

describe('a download', () => {
  test('puts files where they are asked for, with the right modes and owner', async () => {
    const { folder, run } = await setting((_, response) => response.end('hello'));
    const progress: string[] = [];
    const result = await run(
      [file('a.txt', 'hello'), file('deep/er/b.txt', 'hello'), file('a.txt', 'hello')],
      { targetLocation: 'tools' },
      { onProgress: ({ step }) => progress.push(step) },
    );
    expect(await readFile(join(folder, 'tools/a.txt'), 'utf8')).toBe('hello');
    const found = await stat(join(folder, 'tools/deep/er/b.txt'));
    expect(found.mode & 0o777).toBe(0o644);
    expect(found.uid).toBe(contentUser?.uid ?? process.getuid?.());
    expect((await stat(join(folder, 'tools/deep'))).mode & 0o777).toBe(0o755);
    expect((await stat(join(folder, 'tools/deep'))).uid).toBe(found.uid);
    expect(result).toMatchObject({
      source: 'from-other',
      metrics: [{ type: 'fileDownload', sizeBytes: 10 }],
    });
    expect(progress).toContain('downloading');
    expect(await readdir(join(folder, 'tools'))).toEqual(['a.txt', 'deep']);
  });

  test('that breaks off goes on where it stopped, when the server has the same file', async () => {
    const ranges: (string | undefined)[] = [];
    const { folder, run } = await setting((request, response, asked) => {
      ranges.push(request.headers.range);
      const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const isResumed = start > 0 && request.headers['if-range'] === '"v1"';
      response.writeHead(isResumed ? 206 : 200, {
        etag: '"v1"',
        'content-length': bytes.length - (isResumed ? start : 0),
        ...(isResumed ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
      });
      const part = bytes.subarray(isResumed ? start : 0);
      if (asked < 3) response.write(part.subarray(0, 1_000_000), () => response.destroy());
      else response.end(part);
    });
    await run([file('big', bytes)]);
    expect((await readFile(join(folder, 'big'))).equals(bytes)).toBe(true);
    expect(ranges).toHaveLength(3);
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
  });

  test.each([
    ['has another file by now', { etag: '"v1"' }],
    ['does not say which file it has', {}],
    ['only says that its files are alike', { etag: 'W/"v1"' }],
  ])('that breaks off begins again when the server %s', async (_what, headers) => {
    const { folder, run } = await setting((_request, response, asked) => {
      const body = asked === 1 ? Buffer.alloc(bytes.length, 1) : bytes;
      response.writeHead(200, { ...headers, 'content-length': body.length });
      if (asked === 1) response.write(body.subarray(0, 1_000_000), () => response.destroy());
      else response.end(body);
    });
    await run([file('big', bytes)]);
    expect((await readFile(join(folder, 'big'))).equals(bytes)).toBe(true);
  });

  test('of something else than was asked for fails, and leaves nothing', async () => {
    const { folder, run, asked } = await setting((_, response) => response.end('other'));
    await expect(run([file('a', 'hello')])).rejects.toMatchObject({
      code: 'download-failed',
      message: expect.stringContaining('digest'),
    });
    expect(await readdir(folder)).toEqual([]);
    expect(asked()).toBe(2);
  });

  test('that is not there fails at once, without the secret part of its URL', async () => {
    const { run, asked } = await setting((_, response) => response.writeHead(404).end('no'));
    const failing = run([{ ...file('a', 'hello'), query: '?token=hunter2' }]);
    await expect(failing).rejects.toMatchObject({
      code: 'download-failed',
      message: expect.stringMatching(/^(?!.*hunter2).*404/s),
    });
    expect(asked()).toBe(1);
  });

  test('is tried again when the server is busy', async () => {
    const { run, asked } = await setting((_, response, count) =>
      count < 3 ? response.writeHead(503).end() : response.end('hello'),
    );
    await run([file('a', 'hello')]);
    expect(asked()).toBe(3);
  });

  test('follows redirects, a few', async () => {
    const { folder, run } = await setting((request, response) => {
      const hops = Number(new URL(request.url ?? '', 'http://x').searchParams.get('hops') ?? 3);
      if (hops === 0) response.end('hello');
      else response.writeHead(302, { location: `/x?hops=${hops - 1}` }).end();
    });
    await run([file('a', 'hello')]);
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('hello');
    await expect(run([{ ...file('b', 'hello'), query: '?hops=9' }])).rejects.toMatchObject({
      code: 'download-failed',
      message: expect.stringContaining('redirected more than'),
    });
  });

  test.each(['file:///etc/passwd', 'ftp://example.org/x', 'http://'])(
    'is not redirected to %s',
    async (location) => {
      const { run } = await setting((_, response) => response.writeHead(302, { location }).end());
      await expect(run([file('a', 'hello')])).rejects.toMatchObject({ code: 'download-failed' });
    },
  );

  test('of more than the workspace may hold ends with RESOURCE_EXHAUSTED, whatever the server said', async () => {
    const { folder, run } = await setting((_, response) => {
      const timer = setInterval(() => response.write(Buffer.alloc(100_000)), 1);
      response.on('close', () => clearInterval(timer));
    });
    await expect(run([file('bomb', 'hello')], {}, { quotaBytes: 1_000_000 })).rejects.toMatchObject({
      code: 'quota-exceeded',
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test('is not written through a link that is there already', async () => {
    const { base, folder, run } = await setting((_, response) => response.end('hello'));
    await mkdir(join(base, 'outside'));
    await symlink('../outside', join(folder, 'link'));
    await expect(run([file('link/a', 'hello')])).rejects.toMatchObject({
      code: 'content-initialization-failed',
    });
    await expect(run([file('link/deep/a', 'hello')])).rejects.toMatchObject({
      code: 'content-initialization-failed',
    });
    expect(await readdir(join(base, 'outside'))).toEqual([]);
  });

  test('takes the place of a link of its name, not of what that leads to', async () => {
    const { base, folder, run } = await setting((_, response) => response.end('hello'));
    await symlink('../outside', join(folder, 'a'));
    await run([file('a', 'hello')]);
    expect((await lstat(join(folder, 'a'))).isFile()).toBe(true);
    expect(await readdir(base)).not.toContain('outside');
  });

  test('ends when its set-up is given up', async () => {
    const controller = new AbortController();
    const { folder, run } = await setting((_, response) => {
      response.write('part');
      controller.abort(new Error('disposed'));
    });
    await expect(run([file('a', 'hello')], {}, { signal: controller.signal })).rejects.toThrow('disposed');
    expect(await readdir(folder)).toEqual([]);
  });
});

function file(filePath: string, content: string | Buffer) {
  return { filePath, digest: `sha256:${createHash('sha256').update(content).digest('hex')}`, query: '' };
}

async function setting(answer: Answer) {
  const base = await temporaryFolder();
  await chmod(base, 0o755);
  const place = newPlace(base);
  const folder = await contentFolder(place, join(base, 'content'));
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    answer(request, response, asked);
  });
  const url = await listen(server);
  const run = (
    files: readonly ReturnType<typeof file>[],
    more: { targetLocation?: string } = {},
    context: Partial<InitializeContext> = {},
  ) => {
    const download = {
      files: files.map(({ filePath, digest, query }) => ({ url: `${url}/x${query}`, filePath, digest })),
      ...more,
    };
    const plan = planOf(WorkspaceInitializer.fromJSON({ download }));
    return initialize(plan, contextFor(place, folder, context), { isFreshStart: false });
  };
  return { base, folder, run, asked: () => asked };
}
