import { createHash } from 'node:crypto';
import { z } from 'zod';
import { StewardError } from '../errors/steward-error.js';
import type { Digest } from './digest.js';

/** The shape we write. What older versions wrote stays readable; newer ones are refused by name. */
export const MANIFEST_VERSION = 1;

const count = z.int().nonnegative();

const archiveShape = {
  owner: z.string().min(1),
  workspace: z.string().min(1),
  instance: z.string().min(1),
  createdAtMs: count,
  /** Name of the archive's object. */
  archive: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: count,
  compression: z.enum(['zstd', 'gzip', 'none']),
  /** Names in the archive, and bytes of its tar stream. */
  entries: count,
  contentBytes: count,
  /** Files that shrank while they were read, so that their end is zeros: how many, and the first by name. */
  torn: z.object({ count, names: z.array(z.string()) }),
  /** Files written to while they were read. */
  changed: z.object({ count, names: z.array(z.string()) }),
};

const backupSchema = z.object({
  kind: z.literal('backup'),
  generation: z.int().positive(),
  /** The generation before; absent for the first. */
  previousGeneration: z.int().positive().optional(),
  ...archiveShape,
});

const snapshotSchema = z.object({ kind: z.literal('snapshot'), ...archiveShape });

const manifestSchema = z.discriminatedUnion('kind', [backupSchema, snapshotSchema]);
const sealedSchema = z.object({
  version: z.int().positive(),
  sha256: z.string(),
  manifest: z.record(z.string(), z.unknown()),
});

/** One generation of a workspace's content. Its presence in the storage is what makes the backup exist. */
export type BackupManifest = Readonly<z.infer<typeof backupSchema>>;
/** One snapshot, likewise. */
export type SnapshotManifest = Readonly<z.infer<typeof snapshotSchema>>;
export type ArchiveManifest = BackupManifest | SnapshotManifest;

/** The manifest as it is stored: with a seal over itself, so that a flipped bit does not pass for another number. */
export function encodeManifest(manifest: ArchiveManifest): Buffer {
  const sealed = { version: MANIFEST_VERSION, sha256: sealOf(manifest), manifest };
  return Buffer.from(`${JSON.stringify(sealed, null, 2)}\n`);
}

/** Fails with `manifest-unreadable` for anything that is not whole and of a version we know. */
export function decodeManifest(name: string, bytes: Buffer): ArchiveManifest {
  const sealed = sealedSchema.safeParse(parseJson(bytes));
  if (!sealed.success) throw unreadable(name, 'is damaged');
  const { version, sha256, manifest } = sealed.data;
  if (version > MANIFEST_VERSION) throw unreadable(name, `has version ${version}, newer than this program`);
  if (sealOf(manifest) !== sha256) throw unreadable(name, 'does not match its own seal');
  const parsed = manifestSchema.safeParse(manifest);
  if (!parsed.success) throw unreadable(name, 'lacks a field or has a wrong one');
  return parsed.data;
}

export function unreadable(name: string, problem: string): StewardError {
  return new StewardError('manifest-unreadable', `the manifest ${name} ${problem}`);
}

export function digestOf(manifest: ArchiveManifest): Digest {
  return { sha256: manifest.sha256, sizeBytes: manifest.sizeBytes };
}

function sealOf(manifest: object): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
