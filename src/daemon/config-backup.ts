import { z } from 'zod';
import { BACKUP_PERIOD_MS } from '../../machines/limits.js';
import { duration, size } from '../config/fields.js';
import { type BackupPolicy, DEFAULT_BACKUP_POLICY } from '../content/backup-policy.js';
import { EXCLUDES_MAX } from './bounds.js';

const share = () => z.number().min(0).max(1);
const { shrink, ...policy } = DEFAULT_BACKUP_POLICY;

/** When backups of content in use are made, what goes into them, and how long they are kept. */
export const backupSchema = z
  .strictObject({
    /** Between two backups of content in use; 0 for none but the final one. */
    period: duration().default(BACKUP_PERIOD_MS),
    /** Increments until the next full backup; 0 makes every backup a full one. */
    fullAfterIncrements: z.int().min(0).max(1_000).default(policy.fullAfterIncrements),
    /** Share of the full archive that its increments may reach together. */
    fullWhenIncrementsExceedShare: share().default(policy.fullWhenIncrementsExceedShare),
    /** Versions that are always kept. */
    keepCount: z.int().min(1).max(100_000).default(policy.keepCount),
    /** Older ones are kept until they are this old. */
    keepAge: duration().default(policy.keepAgeMs),
    /** Nodes that share a storage keep the most that any of them says; with a higher number, what went before is forgotten. */
    keepRevision: z.int().min(0).max(1_000_000).default(0),
    /** As in `.stewardignore`. */
    excludes: z.array(z.string().min(1)).max(EXCLUDES_MAX).default([]),
    /** Each full and each final backup also goes into a plain `full.tar`, for tools that know nothing else. */
    fullTar: z.boolean().default(false),
    /** A backup with less than `share` of one that had so many entries or bytes is refused as suspicious. */
    shrink: z
      .strictObject({
        minEntries: z.int().min(0).default(shrink.minEntries),
        minBytes: size().default(shrink.minBytes),
        share: share().default(shrink.share),
      })
      .prefault({}),
    /** Bytes a second that all uploads of this node take together; absent: as fast as it goes. */
    bandwidth: size()
      .refine((bytes) => bytes > 0, 'must be more than 0; leave it out for no limit')
      .optional(),
  })
  .prefault({})
  .transform(({ period, keepAge, keepRevision, bandwidth, ...said }) => ({
    periodMs: period,
    keepRevision,
    bandwidthBytesPerSecond: bandwidth,
    policy: { ...said, keepAgeMs: keepAge } satisfies BackupPolicy,
  }));
