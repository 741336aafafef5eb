import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import type { ObjectStorage } from '../../storage/object-storage.js';
import { PROBE_FOLDER } from '../../storage/probe.js';
import { STORAGE_CLOCK_DIFFERENCE_MS_MAX } from '../bounds.js';

const FOLDER = `${PROBE_FOLDER}upkeep/clock/`;
const NAME_CHARACTERS = 32;

export interface StorageClockOptions {
  readonly clock: Clock;
  readonly storage: Pick<ObjectStorage, 'replace'>;
  /** One object for each node that asks. */
  readonly node: string;
}

/** What time it is, by whom it matters. */
export interface StorageTime {
  /** By the storage, which dated all that is kept in it, too; since the epoch. */
  readonly nowMs: number;
  /** How far this node is ahead of it, negative when behind; 0 within what the question took. */
  readonly aheadMs: number;
}

/**
 * Asks the storage for the time, by the date it gives a small object that is written for this. A directory's is that
 * of its file system.
 */
export async function storageTime(
  { clock, storage, node }: StorageClockOptions,
  signal: AbortSignal,
): Promise<StorageTime> {
  const name = `${FOLDER}${createHash('sha256').update(node).digest('hex').slice(0, NAME_CHARACTERS)}`;
  const before = clock.now();
  const { modifiedMs: nowMs } = await storage.replace(name, Readable.from([node]), { signal });
  const after = clock.now();
  const aheadMs = Math.max(0, before - nowMs) || Math.min(0, after - nowMs);
  return { nowMs, aheadMs };
}

/** Throws `storage-refused` when this node and its storage do not live at the same time: then one of them is wrong. */
export function requireSameTime({ aheadMs }: StorageTime): void {
  if (Math.abs(aheadMs) <= STORAGE_CLOCK_DIFFERENCE_MS_MAX) return;
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  throw new StewardError(
    'storage-refused',
    `the clock of this node is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of its storage`,
  );
}
