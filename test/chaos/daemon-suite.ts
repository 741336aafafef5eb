import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonNursery } from './daemon-process.js';
import { DaemonRound, type DaemonRoundOptions } from './daemon-round.js';
import { mountsBelow } from './left.js';
import { POINTS, type PointName } from './points.js';
import { fullDisk, mountSmallDisk, storageAway } from './troubles.js';

/** Kills of the daemon alone: anywhere and at named points, and while disk or storage do not work. */
export const DAEMON_KINDS = ['daemon', 'timer', 'disk-full', 'storage-away'] as const;
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
}

/** Of each round. */
const KILLS = 8;
/** Rounds of a cycle whose kills come anywhere. */
const UNAIMED = 5;
export const CYCLE = POINTS.length + UNAIMED;
const BACKUP_PERIOD_MS = 250;

/** A seed says which point its round is for. */
export function pointOf(seed: number): PointName | undefined {
  return POINTS[seed % CYCLE];
}

/** One round; false when a promise broke, and then the command that repeats it was printed. */
export async function runDaemonRound(suite: DaemonSuite, kind: DaemonKind, seed: number): Promise<boolean> {
  const { counts, print } = suite;
  const folder = join(suite.folder, `${kind}-${seed}`);
  const disk = kind === 'disk-full' ? mountSmallDisk(folder) : undefined;
  const point = pointOf(seed);
  const round = new DaemonRound({
    nursery: suite.nursery,
    folder,
    seed,
    point,
    kills: KILLS,
    ...settingsOf(kind, folder),
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
    rmSync(folder, { recursive: true, force: true });
  }
}

function settingsOf(
  kind: DaemonKind,
  folder: string,
): Pick<DaemonRoundOptions, 'trouble' | 'backupPeriodMs'> {
  switch (kind) {
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
