import { z } from 'zod';
import { duration, size } from '../config/fields.js';
import { CONFINED_MEMORY_BYTES, CONFINED_MEMORY_BYTES_MIN } from '../isolation/bounds.js';
import * as bounds from './bounds.js';
import type { QueueName } from './queues/queue-limits.js';

/** What a node does at the same time, and how it looks after itself. A duration of 0 switches a schedule off. */

function queue(concurrency: number, waitMs: number) {
  return z
    .strictObject({
      /** Pieces of work at the same time; never exceeded. */
      concurrency: z.int().min(1).max(bounds.CONCURRENCY_MAX).default(concurrency),
      /** How long one may wait for its turn. */
      waitMax: duration().default(waitMs),
    })
    .prefault({})
    .transform((said) => ({ concurrency: said.concurrency, waitMs: said.waitMax }));
}

export const queuesSchema = z
  .strictObject({
    setup: queue(bounds.SETUPS_RUNNING_MAX, bounds.SETUP_WAIT_MS),
    backup: queue(bounds.BACKUPS_RUNNING_MAX, bounds.BACKUP_WAIT_MS),
    snapshot: queue(bounds.SNAPSHOTS_RUNNING_MAX, bounds.SNAPSHOT_WAIT_MS),
  } satisfies Record<QueueName, z.ZodType>)
  .prefault({});

/** What nobody owns goes into the quarantine, and from there when it is old or the disk needs the room. */
export const housekeepingSchema = z
  .strictObject({
    interval: duration().default(bounds.HOUSEKEEPING_INTERVAL_MS),
    minAge: duration().default(bounds.HOUSEKEEPING_AGE_MS),
    keep: duration().default(bounds.QUARANTINE_KEPT_MS),
    /** Age from which archives that no manifest names count as left behind; more than any backup may take. */
    orphanAge: duration().default(bounds.ORPHAN_AGE_MS),
    /** Of workspaces that only the storage knows: how many an hour, whichever of the nodes that share it comes first. */
    storedPerHour: z
      .int()
      .min(0)
      .max(bounds.STORED_PAGE_WORKSPACES_MAX)
      .default(bounds.STORED_PAGE_WORKSPACES),
  })
  .prefault({})
  .transform((said) => ({
    intervalMs: said.interval,
    minAgeMs: said.minAge,
    keepMs: said.keep,
    orphanAgeMs: said.orphanAge,
    storedPerHour: said.storedPerHour,
  }));

/** Below `minFree` nothing new is set up and the node is not ready. */
export const diskSchema = z
  .strictObject({ minFree: size().default(bounds.DISK_FREE_BYTES_MIN) })
  .prefault({})
  .transform((said) => ({ minFreeBytes: said.minFree }));

/** Of the programs that work on content: tar, git, zstd, pre-stop. */
export const confinementSchema = z
  .strictObject({
    /** What one process may allocate; for machines that can confine. */
    memoryMax: size()
      .refine((bytes) => bytes >= CONFINED_MEMORY_BYTES_MIN, 'programs do not start with less than "64Mi"')
      .default(CONFINED_MEMORY_BYTES),
  })
  .prefault({})
  .transform((said) => ({ memoryBytes: said.memoryMax }));

/** One backup after another is restored as a proof, one every `period`. */
export const drillsSchema = z
  .strictObject({ period: duration().default(bounds.DRILL_PERIOD_MS) })
  .prefault({})
  .transform((said) => ({ periodMs: said.period }));

/** The workspace's own `.steward/pre-stop`. */
export const preStopSchema = z
  .strictObject({ timeout: duration().default(bounds.PRE_STOP_DEADLINE_MS) })
  .prefault({})
  .transform((said) => ({ timeoutMs: said.timeout }));
