import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { open } from '../../../src/content/initializers/open-url.js';
import { planOf } from '../../../src/content/initializers/table.js';
import type { Http } from '../../../src/gateways/http.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { WorkspaceInitializer } from '../../../src/gen/content-service-api/initializer.js';
import { noAbort } from '../support/place.js';

const digest = `sha256:${'0'.repeat(64)}`;
const good = { url: 'https://example.org/x', filePath: 'a', digest };

test('files of a download are counted in its description, and nothing of their URLs is', () => {
  const plan = planOf(
    download([good, { ...good, url: 'https://example.org/x?token=hunter2', filePath: 'b' }]),
  );
  expect(plan).toMatchObject({
    kind: 'download',
    description: '2 files from the web',
    checkoutLocations: [],
  });
});

describe('a file path', () => {
  test.each(['', '.', '/etc/passwd', '../x', 'a/../../x', 'a/..', 'a/', 'a/.', 'a\u0000b', '.git/hooks/x'])(
    '%j is refused',
    (filePath) => {
      expectRefused([{ ...good, filePath }]);
    },
  );

  test.each(['/etc', '..', 'a/../..', '.git'])('target_location %j is refused', (targetLocation) => {
    expectRefused([good], { targetLocation });
  });

  test.each(['ready', 'ready.tmp'])('the marker %s is refused', (filePath) => {
    expectRefused([{ ...good, filePath }], { targetLocation: '.gitpod' });
  });

  test('named twice for different things, or as file and folder, is refused', () => {
    expectRefused([good, { ...good, url: 'https://example.org/y' }]);
    expectRefused([good, { ...good, digest: `sha256:${'1'.repeat(64)}` }]);
    expectRefused([good, { ...good, filePath: 'a/b/c' }]);
    expect(planOf(download([good, { ...good, filePath: './/a' }])).kind).toBe('download');
  });
});

test.each([
  '',
  'sha256:',
  'sha256',
  `sha256:${'0'.repeat(63)}`,
  `sha256:${'A'.repeat(64)}`,
  `md5:${'0'.repeat(32)}`,
  `sha1:${'0'.repeat(40)}`,
  `shake256:${'0'.repeat(64)}`,
])('digest %j proves nothing', (wrong) => {
  expectRefused([{ ...good, digest: wrong }]);
});

test.each(['sha256', 'sha384', 'sha512'] as const)('a whole %s is taken', (algorithm) => {
  const digits = { sha256: 64, sha384: 96, sha512: 128 }[algorithm];
  expect(planOf(download([{ ...good, digest: `${algorithm}:${'a'.repeat(digits)}` }])).kind).toBe('download');
});

test.each([
  '',
  'example.org/x',
  'ftp://example.org/x',
  'file:///etc/passwd',
  'https://',
  'https://ada:secret@example.org/x',
  'https://token@example.org/x',
  'https://example.org/a b',
  'https://example.org/a\r\nhost: evil',
  `https://example.org/${'x'.repeat(9000)}`,
])('URL %j is refused', (url) => {
  expectRefused([{ ...good, url }]);
});

test('too many files are refused', () => {
  expectRefused(Array.from({ length: 1001 }, (_, index) => ({ ...good, filePath: `f${index}` })));
});

test('what is fetched by https is not taken from a redirect to http', async () => {
  const http: Http = {
    get: () => Promise.reject(new Error('not used')),
    open: async () => ({
      status: 302,
      headers: { location: 'http://example.org/plain' },
      body: Readable.from([]),
    }),
  };
  const opening = open('https://example.org/x', {}, { http, world: realWorld(), signal: noAbort() });
  await expect(opening).rejects.toMatchObject({
    code: 'download-failed',
    message: expect.stringContaining('from https to http'),
  });
});

function download(files: readonly object[], more: object = {}): WorkspaceInitializer {
  return WorkspaceInitializer.fromJSON({ download: { files, ...more } });
}

function expectRefused(files: readonly object[], more: object = {}): void {
  expect(() => planOf(download(files, more))).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
}
