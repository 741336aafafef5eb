import { Readable } from 'node:stream';
import { StewardError } from '../errors/steward-error.js';
import type { ObjectName, ObjectStorage } from '../storage/object-storage.js';
import { MANIFEST_BYTES_MAX } from './bounds.js';
import { type ArchiveManifest, decodeManifest, encodeManifest, type Part, unreadable } from './manifest.js';

/** Puts a manifest under a new name and reads it back: the commit. Fails with `already-exists` when taken. */
export async function commitManifest(
  storage: ObjectStorage,
  name: ObjectName,
  manifest: ArchiveManifest,
  signal: AbortSignal,
): Promise<void> {
  const bytes = encodeManifest(manifest);
  // What could never be read again must not be committed: it would stand in the way of every later backup.
  requireOwnArchives(name, decodeManifest(name, bytes));
  await storage.put(name, Readable.from([bytes], { objectMode: false }), {
    signal,
    contentType: 'application/json',
  });
  const stored = await readObject(storage, name, signal);
  if (stored === undefined || !stored.equals(bytes)) {
    throw new StewardError('backup-failed', `the storage did not keep the manifest ${name}`);
  }
}

/** undefined when there is no such manifest; `manifest-unreadable` when there is one that cannot be used. */
export async function readManifest(
  storage: ObjectStorage,
  name: ObjectName,
  signal: AbortSignal,
): Promise<ArchiveManifest | undefined> {
  const bytes = await readObject(storage, name, signal);
  return bytes === undefined ? undefined : requireOwnArchives(name, decodeManifest(name, bytes));
}

/** Whoever may write one manifest must not get at the archives of others by it: they lie beside their manifest. */
function requireOwnArchives(name: ObjectName, manifest: ArchiveManifest): ArchiveManifest {
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  const isOwn = ({ archive }: Part) =>
    archive.startsWith(folder) && archive.lastIndexOf('/') === folder.length - 1;
  if (manifest.parts.every(isOwn)) return manifest;
  throw unreadable(name, 'names an archive that lies elsewhere');
}

async function readObject(
  storage: ObjectStorage,
  name: ObjectName,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const stored = await storage.get(name, { signal });
  if (stored === undefined) return undefined;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stored) {
    sizeBytes += chunk.length;
    if (sizeBytes > MANIFEST_BYTES_MAX) throw unreadable(name, 'is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
