import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RealSystem } from '../cli/support/real-system.js';

const PIECES = 1_000;
const PIECE = 'from the web\n'.repeat(100);
const DIGEST = `sha256:${createHash('sha256').update(PIECE.repeat(PIECES)).digest('hex')}`;
const PIECE_PERIOD_MS = 100;

let system: RealSystem;
let web: Server;
let url: string;
/** From then on the rest comes at once. */
let isSeen = false;
beforeAll(async () => {
  system = await RealSystem.create();
  web = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': PIECE.length * PIECES });
    let left = PIECES;
    const timer = setInterval(() => {
      const count = isSeen ? left : Math.min(1, left - 1);
      response.write(PIECE.repeat(count));
      left -= count;
      if (left > 0) return;
      clearInterval(timer);
      response.end();
    }, PIECE_PERIOD_MS);
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  const address = web.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/file`;
  expect(await system.up()).toHaveProperty('ready');
});
afterAll(async () => {
  web.closeAllConnections();
  web.close();
  await system.remove();
});

it('tells those who watch how far a download is, and keeps nothing of it', async () => {
  const ids = ['--workspace', 'slow', '--instance', 'slow-1', '--owner', 'ada'];
  const started = await system.steward('start', '--download', `${url}=file#${DIGEST}`, ...ids);
  expect(started, started.stderr).toMatchObject({ code: 0 });
  const out = join(system.folder, 'watched');
  const watched = await system.shell(`
    steward watch slow-1 --json >'${out}' &
    until grep -q '"doneBytes":[1-9]' '${out}'; do sleep 0.2; done
    kill $!
    cat '${out}'`);
  isSeen = true;
  const lines = watched.stdout.trim().split('\n');
  const told = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'progress');
  expect(told.at(-1)).toMatchObject({
    type: 'progress',
    instance: 'slow-1',
    step: 'downloading',
    doneBytes: expect.any(Number),
    percent: expect.any(Number),
  });
  await expect
    .poll(async () => (await system.steward('list', '--json')).stdout, { timeout: 30_000 })
    .toMatch(/"phase":"RUNNING"/);
  const kept = await system.steward('watch', 'slow-1', '--from', '1', '--no-follow', '--json');
  expect(kept.stdout).toContain('AVAILABLE'.toLowerCase());
  expect(kept.stdout).not.toContain('progress');
});
