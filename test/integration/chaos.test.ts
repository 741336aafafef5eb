import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DaemonNursery } from '../chaos/daemon-process.js';
import { type DaemonKind, pointOf, runDaemonRound } from '../chaos/daemon-suite.js';
import { POINTS } from '../chaos/points.js';

/** A taste of `npm run chaos`, which kills a thousand times. */
const folder = mkdtempSync(join(tmpdir(), 'steward-chaos-test-'));
const KILLS = 4;
let nursery: DaemonNursery;

beforeAll(async () => {
  // As root, content belongs to another user, who must be able to reach it.
  chmodSync(folder, 0o755);
  nursery = await DaemonNursery.open(1);
});
afterAll(() => {
  nursery.close();
  rmSync(folder, { recursive: true, force: true });
});

it.each<readonly [DaemonKind, number]>([
  ['daemon', POINTS.indexOf('manifest-after')],
  ['daemon', POINTS.indexOf('removal-half-way')],
  ['daemon', POINTS.length],
  ['storage-away', POINTS.length],
])(
  'a %s killed again and again loses nothing and leaves nothing, seed %i',
  async (kind, seed) => {
    const lines: string[] = [];
    const counts = { kills: 0, atPoint: new Map(), broken: 0 };
    const suite = { nursery, folder, print: (line: string) => lines.push(line), counts, kills: KILLS };
    await runDaemonRound(suite, kind, seed);
    expect(lines.join('\n')).toBe('');
    const point = pointOf(seed);
    if (point !== undefined) expect(counts.atPoint.get(point) ?? 0).toBeGreaterThan(0);
  },
  120_000,
);
