import { StewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import type { Random } from '../gateways/random.js';
import type { ObjectName, ObjectStorage } from '../storage/object-storage.js';
import { commitManifest, readManifest } from './archive-manifests.js';
import {
  type ArchiveOrigin,
  type ArchivePlace,
  discardArchive,
  restoreArchive,
  storeArchive,
  unpackObject,
  type WorkOptions,
} from './archive-objects.js';
import { generationOf } from './backup-objects.js';
import { GIT_ARGUMENT_CHARACTERS_MAX, MAGIC_BYTES } from './bounds.js';
import { beginning, isAtRest } from './chain.js';
import { compressionOf } from './compression.js';
import { type ArchiveManifest, digestOf, type SnapshotManifest, type Tree, unreadable } from './manifest.js';
import { surveyFolder, treeOf } from './survey.js';

/** Nanoseconds in a millisecond. */
const NANOSECONDS = 1_000_000;
const OBJECT_PATTERN = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;

/** A new name, `snapshot-<nanoseconds since the epoch>.tar`; the clock's milliseconds, made unique by chance. */
export function newSnapshotName(clock: Clock, random: Random): string {
  const nanoseconds =
    BigInt(clock.now()) * BigInt(NANOSECONDS) + BigInt(Math.floor(random.fraction() * NANOSECONDS));
  return `snapshot-${nanoseconds}.tar`;
}

/** The name callers get: `<key>@<bucket>`, where the storage keeps `<owner>/workspaces/<workspace>/<name>`. */
export function snapshotUrl(
  storage: ObjectStorage,
  origin: Omit<ArchiveOrigin, 'instance'>,
  name: string,
): string {
  return storage.urlOf(objectOf(origin, name));
}

/** Its parts; fails with `invalid-argument` unless it is `<object>@<bucket>` with exactly one `@`. */
export function checkedSnapshotUrl(
  url: string,
  field: string,
): { readonly object: ObjectName; readonly bucket: string } {
  const refuse = (problem: string) => new StewardError('invalid-argument', `${field} ${problem}`);
  if (url.length > GIT_ARGUMENT_CHARACTERS_MAX) throw refuse('is too long');
  const [object, bucket, ...more] = url.split('@');
  if (object === undefined || bucket === undefined || more.length > 0) {
    throw refuse('must be <object>@<bucket> with exactly one @');
  }
  const isObject = OBJECT_PATTERN.test(object) && !object.split('/').some((part) => /^\.\.?$/.test(part));
  if (!isObject) throw refuse('does not name an object');
  if (!/^[A-Za-z0-9._-]+$/.test(bucket)) throw refuse('does not name a bucket');
  return { object, bucket };
}

/** Makes, verifies and commits a snapshot of the folder under a name from `newSnapshotName`. */
export async function createSnapshot(
  place: ArchivePlace,
  folder: string,
  name: string,
  origin: ArchiveOrigin,
  options: WorkOptions,
): Promise<SnapshotManifest> {
  const object = objectOf(origin, name);
  const begun = beginning(place.world);
  let tree: Tree | undefined;
  const { part, report } = await storeArchive(place, object, folder, {
    ...options,
    onPacked: async (signal) => {
      const survey = await surveyFolder(place.world, folder, [], signal);
      const isExact = await isAtRest(place.world, folder, survey, begun);
      tree = treeOf(survey, isExact);
      return { survey, isAtRest: isExact };
    },
  });
  const { owner, workspace, instance } = origin;
  const { torn, changed } = report;
  const manifest: SnapshotManifest = {
    kind: 'snapshot',
    ...{ owner, workspace, instance, createdAtMs: begun.startedAtMs },
    parts: [part],
    ...(tree === undefined ? {} : { tree }),
    torn,
    changed,
  };
  await commitManifest(place.storage, manifestOf(object), manifest, options.signal);
  return manifest;
}

/** Removes what an interrupted attempt at this name left, so that it can be made again; a committed one stays. */
export async function clearSnapshot(
  place: ArchivePlace,
  origin: Omit<ArchiveOrigin, 'instance'>,
  name: string,
  signal: AbortSignal,
): Promise<'committed' | 'cleared'> {
  const object = objectOf(origin, name);
  if ((await readManifest(place.storage, manifestOf(object), signal)) === undefined) {
    await discardArchive(place, object);
    return 'cleared';
  }
  await place.storage.settle(manifestOf(object), signal);
  return 'committed';
}

/** The manifest of a finished snapshot of ours; undefined while it is pending, foreign or not there. */
export async function readSnapshot(
  storage: ObjectStorage,
  url: string,
  signal: AbortSignal,
): Promise<SnapshotManifest | undefined> {
  const object = objectIn(storage, url);
  const manifest = await readManifest(storage, manifestOf(object), signal);
  if (manifest === undefined) return undefined;
  if (manifest.kind === 'snapshot' && manifest.parts[0]?.archive === object) return manifest;
  throw unreadable(manifestOf(object), 'belongs to something else');
}

/**
 * Unpacks a snapshot into an empty folder and returns the size of its archives. The URL of a backup's manifest is
 * one, too: any version of a workspace can be the beginning of another. A plain tar without a manifest, as others
 * write it, is taken as it is; a compressed one without a manifest is ours and was never finished.
 */
export async function restoreSnapshot(
  place: ArchivePlace,
  url: string,
  folder: string,
  options: WorkOptions,
): Promise<number> {
  const manifest = await readSource(place.storage, url, options.signal);
  if (manifest !== undefined) {
    await restoreArchive(place, manifest, folder, options);
    return digestOf(manifest).sizeBytes;
  }
  const object = objectIn(place.storage, url);
  const stored = await place.storage.head(object, options.signal);
  if (stored === undefined) throw new StewardError('snapshot-not-found', `there is no snapshot ${url}`);
  if (!(await isPlainTar(place.storage, object, options.signal))) {
    throw new StewardError('snapshot-not-found', `snapshot ${url} is not complete`);
  }
  await unpackObject(place, object, folder, options);
  return stored.sizeBytes;
}

/** What such a URL stands for: a snapshot or a version of a backup; undefined for one that is foreign or not there. */
export async function readSource(
  storage: ObjectStorage,
  url: string,
  signal: AbortSignal,
): Promise<ArchiveManifest | undefined> {
  const object = objectIn(storage, url);
  return isBackupManifest(object)
    ? readManifest(storage, object, signal)
    : readSnapshot(storage, url, signal);
}

function isBackupManifest(object: ObjectName): boolean {
  return /^[^/]+\/workspaces\/[^/]+\/backups\/[^/]+$/.test(object) && generationOf(object) !== undefined;
}

async function isPlainTar(storage: ObjectStorage, object: ObjectName, signal: AbortSignal): Promise<boolean> {
  const start = await storage.get(object, { signal, range: { start: 0, end: MAGIC_BYTES - 1 } });
  if (start === undefined) return false;
  const chunks: Buffer[] = [];
  for await (const chunk of start) chunks.push(chunk);
  return compressionOf(Buffer.concat(chunks)) === 'none';
}

function objectIn(storage: ObjectStorage, url: string): ObjectName {
  checkedSnapshotUrl(url, 'snapshot');
  const object = storage.nameOf(url);
  if (object !== undefined) return object;
  throw new StewardError('snapshot-not-found', `snapshot ${url} is in a bucket that is not in use here`);
}

function objectOf(origin: Omit<ArchiveOrigin, 'instance'>, name: string): ObjectName {
  return `${origin.owner}/workspaces/${origin.workspace}/${name}`;
}

function manifestOf(object: ObjectName): ObjectName {
  return `${object}.manifest.json`;
}
