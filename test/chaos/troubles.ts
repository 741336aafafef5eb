import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { READINESS_DEADLINE_MS, READINESS_PERIOD_MS } from '../../src/daemon/bounds.js';
import type { Trouble } from './daemon-round.js';

const BLOCK = Buffer.alloc(64 * 1024);
const DISK = '24m';
/** Leaves room for next to nothing. */
const LAST_BLOCK = Buffer.alloc(4 * 1024);

/** A file takes all the room there is left on the disk of the round, which is a small one of its own. */
export function fullDisk(folder: string): Trouble {
  const ballast = join(folder, 'ballast');
  return {
    seenLateMs: READINESS_PERIOD_MS + READINESS_DEADLINE_MS,
    async begin() {
      const file = openSync(ballast, 'w');
      for (const block of [BLOCK, LAST_BLOCK]) while (isWritten(file, block));
      closeSync(file);
    },
    async end() {
      rmSync(ballast, { force: true });
    },
  };
}

/** The disk of the storage is unmounted: there is an empty folder instead. */
export function storageAway(folder: string): Trouble {
  const [here, away] = [join(folder, 'objects'), join(folder, 'objects-away')];
  const witness = join(folder, 'daemon', 'storage-identity');
  let isAway = false;
  return {
    async begin() {
      // Until it is remembered a first use would take the empty folder for the storage, as it has to.
      isAway = existsSync(witness) && isThere(here, away);
      if (isAway) mkdirSync(here);
    },
    async end() {
      if (!isAway) return;
      // What was put there meanwhile is not looked for by anybody.
      rmSync(here, { recursive: true, force: true });
      renameSync(away, here);
      isAway = false;
    },
  };
}

/** A small disk for a round; only root can have one. */
export function mountSmallDisk(folder: string): { unmount(): void } {
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${DISK},mode=755`,
    'none',
    folder,
  ]);
  if (status !== 0) throw new Error(`no small disk: ${stderr}`);
  return {
    unmount() {
      spawnSync('umount', ['--lazy', folder]);
      rmdirSync(folder);
    },
  };
}

function isWritten(file: number, block: Buffer): boolean {
  try {
    return writeSync(file, block) > 0;
  } catch {
    return false;
  }
}

/** Before the first use there is nothing to take away. */
function isThere(here: string, away: string): boolean {
  try {
    renameSync(here, away);
    return true;
  } catch {
    return false;
  }
}
