import { pipeline, type Readable } from 'node:stream';
import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import { withDeadline } from '../gateways/deadline.js';
import type { World } from '../gateways/world.js';
import type { ObjectName, ObjectStorage, StoredObject } from '../storage/object-storage.js';
import { type Packing, packFolder } from './archive.js';
import { throttled } from './archive-bandwidth.js';
import { isComplete, requireComplete } from './archive-completeness.js';
import { ARCHIVE_CLEANUP_DEADLINE_MS, ARCHIVE_DEADLINE_MS } from './bounds.js';
import { type Digest, isSameDigest, Meter, metered } from './digest.js';
import type { Exclude } from './exclude.js';
import { innerFolder, liftInner, renewMarkedFolders } from './folder-attributes.js';
import type { ArchiveManifest, Part } from './manifest.js';
import { PROGRAM_ENVIRONMENT } from './program.js';
import type { Survey } from './survey.js';
import type { ArchiveReport } from './tar-messages.js';
import { requireEmpty, unpackArchive } from './unpack.js';
import type { ContentUser } from './user.js';

/** Where archives come from and go to. */
export interface ArchivePlace {
  readonly world: World;
  readonly storage: ObjectStorage;
  /** Set when we are root: owners of files are restored then. */
  readonly user: ContentUser | undefined;
}

/** How far a long piece of work is. */
export interface Progress {
  readonly step: 'packing' | 'verifying' | 'unpacking' | 'comparing' | 'cloning' | 'downloading';
  /** Bytes of the archive so far, or of git's own count; 0 where nobody knows. */
  readonly bytes: number;
  /** 0 to 100, of the present part; absent where nobody knows the whole. */
  readonly percent?: number;
}

export interface WorkOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Bytes that what is unpacked may take; 0 or absent for no limit. */
  readonly quotaBytes?: number;
}

export interface RestoreArchiveOptions extends WorkOptions {
  /** Called before each archive is unpacked; what it returns gets its tar stream. */
  readonly onArchive?: () => (chunk: Buffer) => void;
}

export interface ArchiveOrigin {
  readonly owner: OwnerId;
  readonly workspace: WorkspaceId;
  readonly instance: InstanceId;
}

/** One archive that is stored and was read back. */
export interface StoredArchive {
  readonly part: Part;
  readonly report: ArchiveReport;
}

/** The content when an archive of it was made, and whether nothing had touched it since that began. */
export interface Packed {
  readonly survey: Survey;
  readonly isAtRest: boolean;
}

export interface StoreOptions extends WorkOptions {
  /** With `listing`: an increment to it, or a full archive when it is empty; see `packFolder`. */
  readonly kind?: Part['kind'];
  readonly listing?: string;
  readonly excludes?: readonly Exclude[];
  readonly bandwidthBytesPerSecond?: number;
  /**
   * Called when nothing reads the folder any more; it looks at the content while the rest goes on. Once more when the
   * archive does not show what it saw.
   */
  readonly onPacked?: (signal: AbortSignal) => Promise<Packed>;
}

/**
 * Streams a folder into a new object and reads it back: when this resolves, the stored bytes were seen to be the
 * ones that were packed. A failure leaves no object, or an orphan when even its removal failed.
 */
export async function storeArchive(
  place: ArchivePlace,
  name: ObjectName,
  folder: string,
  options: StoreOptions,
): Promise<StoredArchive> {
  const { clock } = place.world;
  return withDeadline(clock, ARCHIVE_DEADLINE_MS, 'the backup', options.signal, async (signal) => {
    const packing = await packFolder(place.world, folder, { ...options, signal });
    const over = new AbortController();
    const packed = packing.ended.then(() => options.onPacked?.(AbortSignal.any([signal, over.signal])));
    // Its failure is told below, unless the archive itself has failed before.
    packed.catch(() => undefined);
    try {
      const { digest, stored } = await upload(place, name, packing, { ...options, signal });
      const report = packing.report();
      const { kind = 'full' } = options;
      await keepIfGood(place, name, async () => {
        await verifyStored(place, stored, digest, { ...options, signal });
        let found = await packed;
        // What goes from a folder after find took its times, and before it read the names, looks as if nothing had
        // been touched and less were there. Another look finds the folder changed, or something is missing indeed.
        if (found?.isAtRest && !isComplete(kind, report, found.survey))
          found = await options.onPacked?.(signal);
        if (found?.isAtRest) requireComplete(kind, report, found.survey);
      });
      const { entries, contentBytes } = report;
      const { compression } = packing;
      return { part: { kind, archive: name, ...digest, compression, entries, contentBytes }, report };
    } finally {
      // Of an archive that failed nobody wants to know more, and nobody else would end the looking.
      over.abort(new StewardError('cancelled', 'the archive has failed'));
      await packed.catch(() => undefined);
    }
  });
}

/** An archive that is not what it should be does not stay. */
async function keepIfGood(place: ArchivePlace, name: ObjectName, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    await discardArchive(place, name);
    throw error;
  }
}

async function upload(
  { world, storage }: ArchivePlace,
  name: ObjectName,
  packing: Packing,
  { signal, onProgress, bandwidthBytesPerSecond }: StoreOptions,
): Promise<{ readonly digest: Digest; readonly stored: StoredObject }> {
  const meter = new Meter();
  const passing = metered(meter, (bytes) => onProgress?.({ step: 'packing', bytes }));
  const limits =
    bandwidthBytesPerSecond === undefined ? [] : [throttled(world.clock, bandwidthBytesPerSecond, signal)];
  const body = [...limits, passing].reduce<Readable>(
    (from, to) => pipeline(from, to, () => undefined),
    packing.body,
  );
  try {
    const stored = await storage.put(name, body, { signal });
    return { digest: meter.finish(), stored };
  } catch (error) {
    // What broke the stream explains more than how the storage saw it break.
    throw packing.body.errored instanceof StewardError ? packing.body.errored : error;
  } finally {
    packing.body.destroy();
    await packing.ended;
  }
}

/** A storage that read back what it keeps has done what we would do. */
async function verifyStored(
  place: ArchivePlace,
  { name, sha256, sizeBytes }: StoredObject,
  expected: Digest,
  options: WorkOptions,
): Promise<void> {
  if (sha256 === undefined) return verifyArchive(place, name, expected, options);
  options.onProgress?.({ step: 'verifying', bytes: sizeBytes });
  if (isSameDigest({ sha256, sizeBytes }, expected)) return;
  throw new StewardError('backup-failed', `the storage keeps other bytes than were put into ${name}`);
}

/** Fetches every byte of a stored archive; fails with `backup-failed` unless they are the expected ones. */
export async function verifyArchive(
  place: ArchivePlace,
  name: ObjectName,
  expected: Digest,
  options: WorkOptions,
): Promise<void> {
  const stored = await place.storage.get(name, { signal: options.signal });
  if (stored === undefined) throw new StewardError('backup-failed', `the storage lost the archive ${name}`);
  const meter = new Meter();
  for await (const chunk of stored) {
    options.signal.throwIfAborted();
    meter.take(chunk);
    options.onProgress?.({ step: 'verifying', bytes: meter.sizeBytes });
  }
  if (isSameDigest(meter.finish(), expected)) return;
  throw new StewardError('backup-failed', `the storage returned other bytes than were put into ${name}`);
}

/** Unpacks the parts of a manifest, one over the other, into an empty folder, verifying them on the way. */
export async function restoreArchive(
  place: ArchivePlace,
  manifest: ArchiveManifest,
  folder: string,
  options: RestoreArchiveOptions,
): Promise<void> {
  const earlier = manifest.parts.slice(0, -1);
  if (earlier.length > 0) await restoreEarlier(place, earlier, folder, options);
  const last = manifest.parts.at(-1);
  if (last !== undefined) await unpackObject(place, last.archive, folder, options, last);
}

/** What the last increment of a chain goes over. */
async function restoreEarlier(
  place: ArchivePlace,
  parts: readonly Part[],
  folder: string,
  options: RestoreArchiveOptions,
): Promise<void> {
  const { world, user } = place;
  await requireEmpty(world, folder);
  const inner = await innerFolder(world, folder);
  for (const part of parts) {
    await unpackObject(place, part.archive, inner, options, part);
    if (user === undefined) await openFolders(world, inner, options);
  }
  await withDeadline(world.clock, ARCHIVE_DEADLINE_MS, 'the restore', options.signal, async (signal) => {
    await renewMarkedFolders(world, inner, signal);
    await liftInner(world, inner, folder, signal);
  });
}

/**
 * An ordinary user cannot change anything in folders that are not to be written. Every increment holds every
 * folder, so it gives them their modes back.
 */
async function openFolders(world: World, folder: string, { signal }: WorkOptions): Promise<void> {
  const find = world.processes.start({
    program: 'find',
    args: ['.', '-type', 'd', '!', '-perm', '-u=rwx', '-exec', 'chmod', 'u+rwx', '{}', ';'],
    env: PROGRAM_ENVIRONMENT,
    cwd: folder,
    signal,
  });
  find.stdout.resume();
  find.stderr.resume();
  await find.exit;
  signal.throwIfAborted();
}

/** Unpacks an object into an empty folder; without an expected part only its own structure is checked. */
export async function unpackObject(
  place: ArchivePlace,
  name: ObjectName,
  folder: string,
  options: RestoreArchiveOptions,
  expected?: Part,
): Promise<void> {
  const { world, storage, user } = place;
  await withDeadline(world.clock, ARCHIVE_DEADLINE_MS, 'the restore', options.signal, async (signal) => {
    const stored = await storage.get(name, { signal });
    if (stored === undefined) throw new StewardError('archive-damaged', `the archive ${name} is missing`);
    try {
      await unpackArchive(world, stored, folder, {
        signal,
        user,
        ...(options.quotaBytes === undefined ? {} : { quotaBytes: options.quotaBytes }),
        ...(options.onArchive === undefined ? {} : { onPlain: options.onArchive() }),
        onBytes: (bytes) => options.onProgress?.({ step: 'unpacking', bytes }),
        ...(expected === undefined
          ? {}
          : { expected, kind: expected.kind, contentBytes: expected.contentBytes }),
      });
    } finally {
      stored.destroy();
    }
  });
}

/** Removes an archive no manifest names. What cannot be removed now is an orphan, which the sweep finds. */
export async function discardArchive(place: ArchivePlace, name: ObjectName): Promise<void> {
  const { world, storage } = place;
  const never = new AbortController().signal;
  await withDeadline(world.clock, ARCHIVE_CLEANUP_DEADLINE_MS, 'the removal', never, (signal) =>
    storage.delete(name, signal),
  ).catch(() => undefined);
}
