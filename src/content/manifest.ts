import { createHash } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../config/parse-json.js';
import { StewardError } from '../errors/steward-error.js';
import type { Digest } from './digest.js';

/** The shape we write. What older versions wrote stays readable; newer ones are refused by name. */
export const MANIFEST_VERSION = 2;

const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const originShape = {
  owner: z.string().min(1),
  workspace: z.string().min(1),
  instance: z.string().min(1),
  createdAtMs: count,
};

const storedShape = {
  /** Name of the archive's object. */
  archive: z.string().min(1),
  sha256,
  sizeBytes: count,
  compression: z.enum(['zstd', 'gzip', 'none']),
  /** Names in the archive, and bytes of its tar stream. */
  entries: count,
  contentBytes: count,
};

const exceptionsShape = {
  /** Files that shrank while they were read, so that their end is zeros: how many, and the first by name. */
  torn: z.object({ count, names: z.array(z.string()) }),
  /** Files written to while they were read. */
  changed: z.object({ count, names: z.array(z.string()) }),
};

/** One archive of a chain: everything, or what changed since the archives before it. */
const partSchema = z.object({ kind: z.enum(['full', 'increment']), ...storedShape });

const treeSchema = z.object({
  /** Files, folders and links, the content's root included. */
  entries: count,
  /** Sizes of its files together. */
  bytes: count,
  /** Over the metadata of every entry, in no order: what a restore must show again. */
  digest: sha256,
  /** Whether nothing changed while the archive was made: otherwise a restore shows some moment in between. */
  isExact: z.boolean(),
});

const changeSchema = z.object({
  /** Files, links and the like that the newest archive holds. */
  writtenFiles: count,
  /** Entries more or fewer than the generation before. */
  entriesDelta: z.int(),
  /** Bytes stored for this generation. */
  storedBytes: count,
});

const heldShape = {
  ...originShape,
  /** Oldest first; restored in this order. */
  parts: z.array(partSchema).min(1),
  /** The content as it was; absent in manifests of version 1. */
  tree: treeSchema.optional(),
  ...exceptionsShape,
};

const backupSchema = z.object({
  kind: z.literal('backup'),
  generation: z.int().positive(),
  /** The generation before; absent for the first. */
  previousGeneration: z.int().positive().optional(),
  /** The generation whose content this one was made the newest again with; absent otherwise. */
  promotedFrom: z.int().positive().optional(),
  /** What is new in it; absent where nobody counted. */
  change: changeSchema.optional(),
  ...heldShape,
});

const snapshotSchema = z.object({ kind: z.literal('snapshot'), ...heldShape });

const firstShape = { ...originShape, ...storedShape, ...exceptionsShape };
const firstVersionSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('backup'),
    generation: z.int().positive(),
    previousGeneration: z.int().positive().optional(),
    ...firstShape,
  }),
  z.object({ kind: z.literal('snapshot'), ...firstShape }),
]);

const manifestSchema = z
  .discriminatedUnion('kind', [backupSchema, snapshotSchema])
  .refine(({ parts }) => parts.every(({ kind }, index) => (kind === 'full') === (index === 0)))
  .refine(({ kind, parts }) => kind === 'backup' || parts.length === 1);
const sealedSchema = z.object({
  version: z.int().positive(),
  sha256: z.string(),
  manifest: z.record(z.string(), z.unknown()),
});

export type Part = Readonly<z.infer<typeof partSchema>>;
export type Tree = Readonly<z.infer<typeof treeSchema>>;
export type Change = Readonly<z.infer<typeof changeSchema>>;
/** One generation of a workspace's content. Its presence in the storage is what makes the backup exist. */
export type BackupManifest = Readonly<z.infer<typeof backupSchema>>;
/** One snapshot, likewise; always of one part. */
export type SnapshotManifest = Readonly<z.infer<typeof snapshotSchema>>;
export type ArchiveManifest = BackupManifest | SnapshotManifest;

/** The manifest as it is stored: with a seal over itself, so that a flipped bit does not pass for another number. */
export function encodeManifest(manifest: ArchiveManifest): Buffer {
  const sealed = { version: MANIFEST_VERSION, sha256: sealOf(manifest), manifest };
  return Buffer.from(`${JSON.stringify(sealed, null, 2)}\n`);
}

/** Fails with `manifest-unreadable` for anything that is not whole and of a version we know. */
export function decodeManifest(name: string, bytes: Buffer): ArchiveManifest {
  const sealed = sealedSchema.safeParse(parseJson(bytes.toString('utf8')));
  if (!sealed.success) throw unreadable(name, 'is damaged');
  const { version, sha256: seal, manifest } = sealed.data;
  if (version > MANIFEST_VERSION) throw unreadable(name, `has version ${version}, newer than this program`);
  if (sealOf(manifest) !== seal) throw unreadable(name, 'does not match its own seal');
  const decoded = version === 1 ? ofFirstVersion(manifest) : manifestSchema.safeParse(manifest).data;
  if (decoded === undefined) throw unreadable(name, 'lacks a field or has a wrong one');
  return decoded;
}

export function unreadable(name: string, problem: string): StewardError {
  return new StewardError('manifest-unreadable', `the manifest ${name} ${problem}`);
}

/**
 * What tells the stored bytes of one manifest from those of another: of one archive its own size and SHA-256, of
 * several their sizes together and the SHA-256 over theirs, in order.
 */
export function digestOf(manifest: ArchiveManifest): Digest {
  const { parts } = manifest;
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  const [only, ...more] = parts;
  if (only !== undefined && more.length === 0) return { sha256: only.sha256, sizeBytes };
  const all = createHash('sha256');
  for (const part of parts) all.update(part.sha256);
  return { sha256: all.digest('hex'), sizeBytes };
}

/** Version 1 knew one archive per manifest and nothing of the tree. */
function ofFirstVersion(stored: object): ArchiveManifest | undefined {
  const { data } = firstVersionSchema.safeParse(stored);
  if (data === undefined) return undefined;
  const { archive, sha256: digest, sizeBytes, compression, entries, contentBytes, ...rest } = data;
  return {
    ...rest,
    parts: [{ kind: 'full', archive, sha256: digest, sizeBytes, compression, entries, contentBytes }],
  };
}

function sealOf(manifest: object): string {
  return createHash('sha256').update(JSON.stringify(manifest)).digest('hex');
}
