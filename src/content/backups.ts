import type { OwnerId, WorkspaceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import type { ObjectName } from '../storage/object-storage.js';
import { type ArchivePlace, restoreArchive, verifyArchive, type WorkOptions } from './archive-objects.js';
import { BackupCreation, type BackupOptions, type BackupOutcome } from './backup-creation.js';
import { type BackupEntry, BackupObjects } from './backup-objects.js';
import type { BackupPolicy } from './backup-policy.js';
import { ChainFolder } from './chain.js';
import { type SeedOptions, seedChain } from './chain-seed.js';
import type { BackupManifest } from './manifest.js';
import { type Proof, proveRestore } from './proof.js';
import { checkedPaths, keepOnly } from './restore-paths.js';
import { orphans, outlived, type Removal, type RemovalOptions, removeGenerations } from './retention.js';

export interface RestoreOptions extends WorkOptions {
  /** Only these files and folders, relative to the content's root; absent: everything. */
  readonly paths?: readonly string[];
}

export interface DeleteOptions extends RemovalOptions {
  /** The newest generation goes only with this. */
  readonly force?: boolean;
}

/**
 * The backups of one workspace: archives under names never used before, and one immutable manifest per
 * generation. A backup exists when its manifest does; nothing is ever replaced.
 */
export class BackupRepository {
  readonly #place: ArchivePlace;
  readonly #objects: BackupObjects;

  constructor(place: ArchivePlace, owner: OwnerId, workspace: WorkspaceId) {
    this.#place = place;
    this.#objects = new BackupObjects(place, owner, workspace);
  }

  /**
   * Makes, verifies and commits a backup of the folder. Fails with `backup-failed` when content could not be read
   * or the storage does not give back what it was given, with `backup-suspicious` when most of the content is gone
   * and `acceptShrink` is not set, else with what the storage says.
   */
  async create(folder: string, options: BackupOptions): Promise<BackupOutcome> {
    return new BackupCreation(this.#objects, folder, options).run();
  }

  /**
   * Prepares the chain of an instance whose content was just restored from `manifest`, or newly made when there is
   * none, so that its first backup is an increment. Nothing may write to the folder meanwhile. Never fails for
   * what only makes the first backup a full one.
   */
  async seed(
    folder: string,
    chain: string,
    manifest: BackupManifest | undefined,
    options: SeedOptions,
  ): Promise<void> {
    const { world } = this.#place;
    const links = new ChainFolder(world, chain, folder);
    await links.clear();
    if (manifest === undefined) return;
    try {
      if (!(await seedChain(world, folder, links, manifest, options))) await links.clear();
    } catch (error) {
      options.signal.throwIfAborted();
      await links.clear();
      options.onWarning?.(
        'the listing for increments could not be made: the next backup is a full one',
        error,
      );
    }
  }

  /** The newest backup; undefined when there is none. A newest manifest that cannot be read is an error. */
  async latest(signal: AbortSignal): Promise<BackupManifest | undefined> {
    const newest = (await this.#objects.manifests(signal)).at(-1);
    return newest === undefined ? undefined : this.read(newest.generation, signal);
  }

  /** Every committed backup, oldest first. */
  async list(signal: AbortSignal): Promise<readonly BackupEntry[]> {
    return this.#objects.manifests(signal);
  }

  /** Fails with `backup-not-found` or `manifest-unreadable`. */
  async read(generation: number, signal: AbortSignal): Promise<BackupManifest> {
    return this.#objects.read(generation, signal);
  }

  /** `<key>@<bucket>` of a manifest: what a new workspace can be started from. */
  urlOf(generation: number): string {
    return this.#place.storage.urlOf(this.#objects.manifestName(generation));
  }

  /** Whether every archive of it is still there in its size; says nothing of their bytes. */
  async isStored(manifest: BackupManifest, signal: AbortSignal): Promise<boolean> {
    return this.#objects.isStored(manifest, signal);
  }

  /** Fetches every archive whole and recomputes its digest; fails with `backup-failed` when one differs. */
  async verify(manifest: BackupManifest, options: WorkOptions): Promise<void> {
    for (const part of manifest.parts) await verifyArchive(this.#place, part.archive, part, options);
  }

  /** Restores into an empty scratch folder and compares with what the manifest says was there. */
  async prove(manifest: BackupManifest, scratch: string, options: WorkOptions): Promise<Proof> {
    return proveRestore(this.#place, manifest, scratch, options);
  }

  /**
   * Unpacks a backup, or the given paths out of it, into an empty folder; fails with `archive-damaged` when the
   * stored bytes are not its own, with `path-not-found` when a path is not in it.
   */
  async restore(manifest: BackupManifest, folder: string, options: RestoreOptions): Promise<void> {
    const paths = options.paths === undefined ? undefined : checkedPaths(options.paths);
    await restoreArchive(this.#place, manifest, folder, options);
    if (paths !== undefined) await keepOnly(this.#place.world.files, folder, paths);
  }

  /** Makes an old version the newest generation; its archives are shared, nothing is copied. */
  async promote(generation: number, signal: AbortSignal): Promise<BackupManifest> {
    const older = await this.read(generation, signal);
    return this.#objects.commitAgain(older, this.#place.world.clock.now(), signal);
  }

  /** Removes one generation; the newest one only when forced (`wrong-state` otherwise). */
  async delete(generation: number, options: DeleteOptions): Promise<Removal> {
    const entries = await this.#objects.manifests(options.signal);
    if (!entries.some((entry) => entry.generation === generation)) {
      throw new StewardError('backup-not-found', `there is no backup ${generation}`);
    }
    const isNewest = entries.at(-1)?.generation === generation;
    if (isNewest && options.force !== true) {
      throw new StewardError('wrong-state', `backup ${generation} is the newest one; only force removes it`);
    }
    if (isNewest && options.dryRun !== true) await this.#objects.retire(generation, options.signal);
    return removeGenerations(this.#objects, [generation], options);
  }

  /** Removes what the policy lets go at `nowMs`, a time of the storage's, once the newest manifest was read back. */
  async retain(
    policy: Pick<BackupPolicy, 'keepCount' | 'keepAgeMs'>,
    options: RemovalOptions & { readonly nowMs: number },
  ): Promise<Removal> {
    const entries = await this.#objects.manifests(options.signal);
    const old = outlived(entries, policy, options.nowMs);
    if (old.length === 0) return { generations: [], archives: [], sizeBytes: 0 };
    await this.latest(options.signal);
    const generations = old.map(({ generation }) => generation);
    return removeGenerations(this.#objects, generations, options);
  }

  /**
   * Removes archives that no manifest names and that were stored before `olderThanMs` (since the epoch; choose it
   * older than any backup may take). An unreadable manifest stops it: the archives it names cannot be known.
   */
  async sweepOrphans(
    olderThanMs: number,
    signal: AbortSignal,
    { dryRun = false }: { readonly dryRun?: boolean } = {},
  ): Promise<readonly ObjectName[]> {
    const found = await orphans(this.#objects, olderThanMs, signal);
    if (!dryRun) await this.#place.storage.deleteMany(found, signal);
    return found;
  }
}
