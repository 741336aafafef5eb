import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonNursery } from './daemon-process.js';
import { DaemonRound, type DaemonRoundOptions } from './daemon-round.js';
import { mountsBelow } from './left.js';
import { POINTS, type PointName } from './points.js';
import type { S3Bucket, S3Site } from './s3.js';
import { fullDisk, mountSmallDisk, storageAway } from './troubles.js';

/** Kills of the daemon alone: anywhere and at named points, and while disk or storage do not work. */
export const DAEMON_KINDS = ['daemon', 'timer', 's3', 'disk-full', 'storage-away'] as const;
export type DaemonKind = (typeof DAEMON_KINDS)[number];

export interface KillCounts {
  kills: number;
  readonly atPoint: Map<PointName, number>;
  broken: number;
}

export interface DaemonSuite {
  readonly nursery: DaemonNursery;
  readonly folder: string;
  readonly print: (line: string) => void;
  readonly counts: KillCounts;
  /** For rounds of the kind `s3`. */
  readonly s3?: S3Site;
  /** Lives of a round that end with a kill. */
  readonly kills?: number;
}

/** Of each round. */
const KILLS = 8;
/** Rounds of a cycle whose kills come anywhere. */
const UNAIMED = 5;
export const CYCLE = POINTS.length + UNAIMED;
const BACKUP_PERIOD_MS = 250;
/** To load what speaks with such a server takes a while. */
const S3_LIFE_MS = 2_000;
/** Points that only a storage folder has. */
const OF_A_FOLDER: ReadonlySet<PointName> = new Set([
  'archive-half-uploaded',
  'archive-before',
  'archive-after',
  'manifest-before',
  'manifest-after',
  'snapshot-manifest-before',
  'snapshot-manifest-after',
]);

/** A seed says which point its round is for. */
export function pointOf(seed: number): PointName | undefined {
  return POINTS[seed % CYCLE];
}

/** One round; false when a promise broke, and then the command that repeats it was printed. */
export async function runDaemonRound(suite: DaemonSuite, kind: DaemonKind, seed: number): Promise<boolean> {
  const { counts, print } = suite;
  const folder = join(suite.folder, `${kind}-${seed}`);
  const disk = kind === 'disk-full' ? mountSmallDisk(folder) : undefined;
  const aim = pointOf(seed);
  const point = kind === 's3' && aim !== undefined && OF_A_FOLDER.has(aim) ? undefined : aim;
  const bucket = kind === 's3' ? await suite.s3?.bucketFor(`${seed}`, join(folder, 'objects')) : undefined;
  const round = new DaemonRound({
    nursery: suite.nursery,
    folder,
    seed,
    point,
    kills: suite.kills ?? KILLS,
    ...settingsOf(kind, folder, seed, bucket),
    onKill: (at) => {
      counts.kills += 1;
      if (at !== undefined) counts.atPoint.set(at, (counts.atPoint.get(at) ?? 0) + 1);
    },
  });
  try {
    await round.run();
    return true;
  } catch (error) {
    counts.broken += 1;
    print(
      `BROKEN  ${kind} seed ${seed}, ${point ?? 'anywhere'}: ${error instanceof Error ? error.message : error}`,
    );
    print(`${round.trace()}\n        repeat with: npm run chaos -- --rounds 1 --seed ${seed} ${kind}`);
    return false;
  } finally {
    // A round that broke leaves what its instances had mounted.
    for (const mount of await mountsBelow(folder))
      spawnSync('umount', ['--lazy', mount.slice('mount '.length)]);
    disk?.unmount();
    await bucket?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

type RoundSettings = Pick<
  DaemonRoundOptions,
  'trouble' | 'backupPeriodMs' | 'storage' | 'fetchObjects' | 'longestLifeMs'
>;

function settingsOf(
  kind: DaemonKind,
  folder: string,
  seed: number,
  bucket: S3Bucket | undefined,
): RoundSettings {
  switch (kind) {
    case 's3':
      return bucket === undefined ? {} : settingsOfBucket(bucket, seed);
    case 'daemon':
      return {};
    case 'timer':
      return { backupPeriodMs: BACKUP_PERIOD_MS };
    case 'disk-full':
      return { trouble: fullDisk(folder) };
    case 'storage-away':
      return { trouble: storageAway(folder) };
  }
}

/** Every other round the server goes away and comes back. */
function settingsOfBucket(bucket: S3Bucket, seed: number): RoundSettings {
  const fetchObjects = () => bucket.fetch();
  const always = { storage: bucket.config, fetchObjects, longestLifeMs: S3_LIFE_MS };
  return seed % 2 === 0 ? always : { ...always, trouble: bucket.away };
}
