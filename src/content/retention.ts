import type { ObjectName } from '../storage/object-storage.js';
import { type BackupEntry, type BackupObjects, generationOf, retiredGenerationOf } from './backup-objects.js';
import type { BackupPolicy } from './backup-policy.js';

/** What a removal removed, or would remove. */
export interface Removal {
  /** Generations that are not there any more, oldest first. */
  readonly generations: readonly number[];
  /** Archives that no other generation needs. */
  readonly archives: readonly ObjectName[];
  /** Of those archives. */
  readonly sizeBytes: number;
}

export interface RemovalOptions {
  readonly signal: AbortSignal;
  /** Tell only. */
  readonly dryRun?: boolean;
}

/** The generations that a policy lets go: never one of the newest, and only when old enough. */
export function outlived(
  entries: readonly BackupEntry[],
  policy: Pick<BackupPolicy, 'keepCount' | 'keepAgeMs'>,
  nowMs: number,
): readonly BackupEntry[] {
  const older = entries.slice(0, -Math.max(1, policy.keepCount));
  return older.filter(({ committedAtMs }) => nowMs - committedAtMs > policy.keepAgeMs);
}

/**
 * Removes generations: their manifests first, then the archives that no manifest names now. A crash in between
 * leaves archives for the sweep. Somebody who builds on a generation while it goes sees its manifest missing after
 * his own commit (see create), so nothing is kept that lacks a part.
 */
export async function removeGenerations(
  objects: BackupObjects,
  generations: readonly number[],
  { signal, dryRun = false }: RemovalOptions,
): Promise<Removal> {
  const { storage } = objects.place;
  const going = new Map<ObjectName, number>();
  for (const generation of generations) {
    const { parts } = await objects.read(generation, signal);
    for (const { archive, sizeBytes } of parts) going.set(archive, sizeBytes);
  }
  if (!dryRun) {
    for (const generation of generations) await storage.delete(objects.manifestName(generation), signal);
  }
  for (const name of await namedArchives(objects, signal, new Set(generations))) going.delete(name);
  const archives = [...going.keys()];
  if (!dryRun) await storage.deleteMany(archives, signal);
  const sizeBytes = [...going.values()].reduce((sum, size) => sum + size, 0);
  return { generations, archives, sizeBytes };
}

/** Archives, and what kept numbers, stored before `olderThanMs` (since the epoch), that nobody needs. */
export async function orphans(
  objects: BackupObjects,
  olderThanMs: number,
  signal: AbortSignal,
): Promise<readonly ObjectName[]> {
  const candidates: ObjectName[] = [];
  let newest = 0;
  for await (const object of objects.all(signal)) {
    const generation = generationOf(object.name);
    if (generation !== undefined) newest = Math.max(newest, generation);
    else if (object.modifiedMs < olderThanMs) candidates.push(object.name);
  }
  if (candidates.length === 0) return [];
  const named = await namedArchives(objects, signal, new Set());
  const isNeeded = (name: ObjectName) => named.has(name) || (retiredGenerationOf(name) ?? 0) > newest;
  return candidates.filter((name) => !isNeeded(name));
}

/** An unreadable manifest stops it: the archives it names cannot be known. */
async function namedArchives(
  objects: BackupObjects,
  signal: AbortSignal,
  without: ReadonlySet<number>,
): Promise<ReadonlySet<ObjectName>> {
  const named = new Set<ObjectName>();
  for (const { generation } of await objects.manifests(signal)) {
    if (without.has(generation)) continue;
    for (const { archive } of (await objects.read(generation, signal)).parts) named.add(archive);
  }
  return named;
}
