import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missingFor } from '../../scripts/test-requirements.js';
import { runBridgeRounds } from './bridge-suite.js';
import { DaemonNursery } from './daemon-process.js';
import { DAEMON_KINDS, type DaemonKind, type KillCounts, runDaemonRound } from './daemon-suite.js';
import { POINTS } from './points.js';
import { S3Site } from './s3.js';
import { Schedule, tooRare } from './schedule.js';
import { stopAll } from './stops.js';
import { runSystemRound, SYSTEM_KINDS, serveRepository } from './system-suite.js';

/**
 * `npm run chaos -- [--kills 1000] [--seed 1] [--rounds N] [--point NAME …] [kind …]`: SIGKILLs the real daemon, the real system, and
 * what is around the real bridge, again and again, starts it again, and checks that nothing that was promised is lost
 * and nothing is left behind. Without `--rounds` it goes on until the daemon was killed that often, and often at each
 * named point: those that were met least come first. A failure prints the command that repeats it; a long run also fails
 * when it did not come to each point often enough. With `--point` it goes on until it was often enough at those.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string' },
    stops: { type: 'string', default: '1000' },
    point: { type: 'string', multiple: true, default: [] },
  },
});

const AT_EACH_POINT = 20;
/** A run of so many kills fails when there were fewer at any point. */
const LONG_RUN_KILLS = 1_000;
const PROGRESS_MS = 15_000;
/** Rounds at the same time: much of a life is waiting for a disk. */
const AT_ONCE = 3;
const SYSTEM_ROUNDS = 3;
const BRIDGE_ROUNDS = 3;
const TROUBLED_ROUNDS = 6;

const folder = mkdtempSync(join(tmpdir(), 'steward-chaos-'));
// As root, content belongs to another user, who must be able to reach it.
chmodSync(folder, 0o755);
const first = Number(values.seed);
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
const counts: KillCounts = { kills: 0, atPoint: new Map(), broken: 0 };
const startedAt = Date.now();
const print = (line: string) => process.stdout.write(`${line}\n`);
const points = POINTS.filter((point) => values.point.includes(point));
const isAsked = (kind: string) =>
  points.length > 0 ? kind === 'daemon' : positionals.length === 0 || positionals.includes(kind);

// Whoever ends a run that takes hours wants to know what it came to.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    report();
    process.exit(1);
  });
}
try {
  await killDaemons();
  await killSystems();
  await killAroundBridge();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(report() ? 0 : 1);

async function killDaemons(): Promise<void> {
  const nursery = await DaemonNursery.open(AT_ONCE);
  const s3 = isAsked('s3') ? await S3Site.start() : undefined;
  const suite = { nursery, folder, print, counts, ...(s3 === undefined ? {} : { s3 }) };
  const work = (kind: DaemonKind, count: number) =>
    atOnce(range(count), (index) => runDaemonRound(suite, kind, first + index));
  try {
    for (const kind of DAEMON_KINDS.filter(isAsked)) {
      if (kind === 'disk-full' && process.getuid?.() !== 0) {
        print('disk-full needs root, for a small disk of its own: left out');
      } else if (rounds !== undefined || kind !== 'daemon') await work(kind, rounds ?? TROUBLED_ROUNDS);
    }
    if (isAsked('stops')) await stopEverything(nursery);
    if (rounds === undefined && isAsked('daemon')) await killOften(suite);
  } finally {
    nursery.close();
    await s3?.stop();
  }
}

/** Until it was often enough, everywhere. */
async function killOften(suite: Parameters<typeof runDaemonRound>[0]): Promise<void> {
  const kills = points.length > 0 ? 0 : Number(values.kills);
  const schedule = new Schedule({ kills, atEachPoint: AT_EACH_POINT, points }, counts, first);
  const telling = setInterval(progress, PROGRESS_MS);
  const worker = async () => {
    for (let seed = schedule.next(); seed !== undefined; seed = schedule.next()) {
      await runDaemonRound(suite, 'daemon', seed);
      schedule.done(seed);
    }
  };
  await Promise.all(range(AT_ONCE).map(worker));
  clearInterval(telling);
}

async function stopEverything(nursery: DaemonNursery): Promise<void> {
  const onKill = () => {
    counts.kills += 1;
  };
  try {
    print(
      `ok      ${await stopAll({ nursery, folder: join(folder, 'stops'), count: Number(values.stops), onKill })}`,
    );
  } catch (error) {
    counts.broken += 1;
    print(`BROKEN  stops: ${error instanceof Error ? error.message : error}`);
    print(`        repeat with: npm run chaos -- --stops ${values.stops} stops`);
  }
}

async function killSystems(): Promise<void> {
  const kinds = SYSTEM_KINDS.filter(isAsked);
  if (kinds.length === 0) return;
  const git = await serveRepository(folder, first);
  try {
    for (const kind of kinds) {
      for (const index of range(rounds ?? SYSTEM_ROUNDS)) {
        const isKept = await runSystemRound({ folder, gitUrl: git.url, print }, kind, first + index);
        counts.kills += 1;
        if (!isKept) counts.broken += 1;
      }
    }
  } finally {
    git.stop();
  }
}

/** Needs MariaDB and Redis. */
async function killAroundBridge(): Promise<void> {
  if (!isAsked('bridge')) return;
  if (missingFor('services').length > 0) {
    print('bridge needs MariaDB and Redis: left out');
    return;
  }
  const seeds = range(rounds ?? BRIDGE_ROUNDS).map((index) => first + index);
  const { kills, broken } = await runBridgeRounds({ folder, print }, seeds);
  counts.kills += kills;
  counts.broken += broken;
}

async function atOnce(seeds: readonly number[], work: (seed: number) => Promise<unknown>): Promise<void> {
  const left = [...seeds];
  const worker = async () => {
    for (let seed = left.shift(); seed !== undefined; seed = left.shift()) await work(seed);
  };
  await Promise.all(range(AT_ONCE).map(worker));
}

function progress(): void {
  const seconds = (Date.now() - startedAt) / 1000;
  const each = (seconds / Math.max(counts.kills, 1)).toFixed(2);
  print(`${counts.kills} kills, ${counts.broken} broken, ${each} s a kill`);
}

/** False when a promise broke, or a long run did not come to each point often enough. */
function report(): boolean {
  for (const point of counts.atPoint.size === 0 ? [] : POINTS)
    print(`${String(counts.atPoint.get(point) ?? 0).padStart(5)}  ${point}`);
  progress();
  const isLong = rounds === undefined && isAsked('daemon') && Number(values.kills) >= LONG_RUN_KILLS;
  const rare = isLong ? tooRare(points.length > 0 ? points : POINTS, counts, AT_EACH_POINT) : [];
  if (rare.length > 0) print(`TOO FEW kills, below ${AT_EACH_POINT}, at ${rare.join(', ')}`);
  return counts.broken === 0 && rare.length === 0;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
