import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import type { ObjectName } from '../storage/object-storage.js';
import {
  type ArchivePlace,
  restoreArchive,
  storeArchive,
  verifyArchive,
  type WorkOptions,
} from './archive-objects.js';
import { type BackupEntry, BackupObjects } from './backup-objects.js';
import type { BackupPolicy } from './backup-policy.js';
import type { BackupManifest } from './manifest.js';
import { type Proof, proveRestore } from './proof.js';
import { orphans, outlived, type Removal, type RemovalOptions, removeGenerations } from './retention.js';

export interface BackupOptions extends WorkOptions {
  readonly instance: InstanceId;
  /** Folder of this instance's listing, which the next increment goes by; made when missing. A cache. */
  readonly chain: string;
  readonly policy: BackupPolicy;
  /** Whether a tiny backup may follow a large one. */
  readonly acceptShrink?: boolean;
}

/** `unchanged`: the newest backup holds all of it already, and nothing was stored. */
export interface BackupOutcome {
  readonly kind: 'committed' | 'unchanged';
  readonly manifest: BackupManifest;
}

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
    const { instance, signal } = options;
    const createdAtMs = this.#place.world.clock.now();
    const previous = (await this.#objects.manifests(signal)).at(-1)?.generation ?? 0;
    const archive = this.#objects.newArchiveName(previous + 1, instance);
    const { part, report } = await storeArchive(this.#place, archive, folder, options);
    const { owner, workspace } = this.#objects;
    const { torn, changed } = report;
    const facts = { owner, workspace, instance, createdAtMs, parts: [part], torn, changed };
    return { kind: 'committed', manifest: await this.#objects.commit(facts, signal) };
  }

  /**
   * Prepares the chain of an instance whose content was just restored from `manifest`, or newly made when there is
   * none, so that its first backup is an increment. Nothing may write to the folder meanwhile. Never fails for
   * what only makes the first backup a full one.
   */
  async seed(
    _folder: string,
    chain: string,
    _manifest: BackupManifest | undefined,
    _options: WorkOptions,
  ): Promise<void> {
    await this.#place.world.files.remove(chain);
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
    for (const { archive, sizeBytes } of manifest.parts) {
      if ((await this.#place.storage.head(archive, signal))?.sizeBytes !== sizeBytes) return false;
    }
    return true;
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
    await restoreArchive(this.#place, manifest, folder, options);
  }

  /** Makes an old version the newest generation; its archives are shared, nothing is copied. */
  async promote(generation: number, signal: AbortSignal): Promise<BackupManifest> {
    const {
      kind: _kind,
      generation: _generation,
      previousGeneration: _previous,
      change: _change,
      ...held
    } = await this.read(generation, signal);
    const createdAtMs = this.#place.world.clock.now();
    const manifest = await this.#objects.commit({ ...held, createdAtMs, promotedFrom: generation }, signal);
    await this.#requireBasis(generation, manifest, signal);
    return manifest;
  }

  /** Removes one generation; the newest one only when forced (`wrong-state` otherwise). */
  async delete(generation: number, options: DeleteOptions): Promise<Removal> {
    const entries = await this.#objects.manifests(options.signal);
    if (!entries.some((entry) => entry.generation === generation)) {
      throw new StewardError('backup-not-found', `there is no backup ${generation}`);
    }
    if (entries.at(-1)?.generation === generation && options.force !== true) {
      throw new StewardError('wrong-state', `backup ${generation} is the newest one; only force removes it`);
    }
    return removeGenerations(this.#objects, [generation], options);
  }

  /** Removes what the policy lets go, once the newest manifest was read back. */
  async retain(
    policy: Pick<BackupPolicy, 'keepCount' | 'keepAgeMs'>,
    options: RemovalOptions,
  ): Promise<Removal> {
    const entries = await this.#objects.manifests(options.signal);
    const old = outlived(entries, policy, this.#place.world.clock.now());
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

  /**
   * What a commit builds on may have been removed while it was made. Whoever removes it looks for manifests that
   * need its archives after its own is gone, so one that is still there now keeps them.
   */
  async #requireBasis(basis: number, made: BackupManifest, signal: AbortSignal): Promise<void> {
    const { storage } = this.#place;
    if ((await storage.head(this.#objects.manifestName(basis), signal)) !== undefined) return;
    await storage.delete(this.#objects.manifestName(made.generation), signal);
    throw new StewardError('backup-failed', `backup ${basis} was removed while another was built on it`);
  }
}
