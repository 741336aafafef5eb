import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import type { ObjectName, StoredObject } from '../storage/object-storage.js';
import {
  type ArchiveFacts,
  type ArchivePlace,
  commitManifest,
  discardArchive,
  readManifest,
  restoreArchive,
  storeArchive,
  verifyArchive,
  type WorkOptions,
} from './archive-objects.js';
import { COMMIT_ATTEMPTS_MAX, GENERATION_DIGITS } from './bounds.js';
import { type BackupManifest, digestOf, unreadable } from './manifest.js';

/** A committed backup as a listing shows it; `read` gives the manifest. */
export interface BackupEntry {
  readonly generation: number;
  readonly manifest: ObjectName;
  readonly committedAtMs: number;
}

export interface BackupOptions extends WorkOptions {
  readonly instance: InstanceId;
}

/**
 * The backups of one workspace: archives under names never used before, and one immutable manifest per
 * generation. A backup exists when its manifest does; nothing is ever replaced.
 */
export class BackupRepository {
  readonly #place: ArchivePlace;
  readonly #owner: OwnerId;
  readonly #workspace: WorkspaceId;

  constructor(place: ArchivePlace, owner: OwnerId, workspace: WorkspaceId) {
    this.#place = place;
    this.#owner = owner;
    this.#workspace = workspace;
  }

  /**
   * Makes, verifies and commits a backup of the folder. Fails with `backup-failed` when content could not be read
   * or the storage does not give back what it was given, else with what the storage says.
   */
  async create(folder: string, options: BackupOptions): Promise<BackupManifest> {
    const { instance, signal } = options;
    const previous = (await this.#manifests(signal)).at(-1)?.generation ?? 0;
    const archive = this.#archiveName(previous + 1, instance);
    const origin = { owner: this.#owner, workspace: this.#workspace, instance };
    const facts = await storeArchive(this.#place, archive, folder, origin, options);
    return this.#commit(facts, signal);
  }

  /** The newest backup; undefined when there is none. A newest manifest that cannot be read is an error. */
  async latest(signal: AbortSignal): Promise<BackupManifest | undefined> {
    const newest = (await this.#manifests(signal)).at(-1);
    return newest === undefined ? undefined : this.read(newest.generation, signal);
  }

  /** Every committed backup, oldest first. */
  async list(signal: AbortSignal): Promise<readonly BackupEntry[]> {
    return this.#manifests(signal);
  }

  /** Fails with `backup-not-found` or `manifest-unreadable`. */
  async read(generation: number, signal: AbortSignal): Promise<BackupManifest> {
    const name = this.#manifestName(generation);
    const manifest = await readManifest(this.#place.storage, name, signal);
    if (manifest === undefined) {
      throw new StewardError('backup-not-found', `workspace ${this.#workspace} has no backup ${generation}`);
    }
    if (manifest.kind !== 'backup' || manifest.generation !== generation) {
      throw unreadable(name, 'belongs to something else');
    }
    if (manifest.owner !== this.#owner || manifest.workspace !== this.#workspace) {
      throw unreadable(name, 'belongs to another workspace');
    }
    return manifest;
  }

  /** Fetches the whole archive and recomputes its digest; fails with `backup-failed` when it differs. */
  async verify(manifest: BackupManifest, options: WorkOptions): Promise<void> {
    await verifyArchive(this.#place, manifest.archive, digestOf(manifest), options);
  }

  /** Unpacks a backup into an empty folder; fails with `archive-damaged` when the stored bytes are not its own. */
  async restore(manifest: BackupManifest, folder: string, options: WorkOptions): Promise<void> {
    await restoreArchive(this.#place, manifest, folder, options);
  }

  /**
   * Removes archives that no manifest names and that were stored before `olderThanMs` (since the epoch; choose it
   * older than any backup may take). An unreadable manifest stops it: the archive it names cannot be known.
   */
  async sweepOrphans(olderThanMs: number, signal: AbortSignal): Promise<readonly ObjectName[]> {
    const candidates: ObjectName[] = [];
    for await (const object of this.#objects(signal)) {
      const isArchive = generationOf(object.name) === undefined;
      if (isArchive && object.modifiedMs < olderThanMs) candidates.push(object.name);
    }
    const named = new Set<ObjectName>();
    for (const { generation } of await this.#manifests(signal)) {
      named.add((await this.read(generation, signal)).archive);
    }
    const orphans = candidates.filter((name) => !named.has(name));
    for (const name of orphans) await this.#place.storage.delete(name, signal);
    return orphans;
  }

  /** The archive is kept when the outcome of a commit is unknown: its manifest may be there. */
  async #commit(facts: ArchiveFacts, signal: AbortSignal): Promise<BackupManifest> {
    for (let attempt = 1; attempt <= COMMIT_ATTEMPTS_MAX; attempt += 1) {
      const previous = (await this.#manifests(signal)).at(-1)?.generation;
      const manifest: BackupManifest = {
        kind: 'backup',
        generation: (previous ?? 0) + 1,
        ...(previous === undefined ? {} : { previousGeneration: previous }),
        ...facts,
      };
      try {
        await commitManifest(this.#place, this.#manifestName(manifest.generation), manifest, signal);
        return manifest;
      } catch (error) {
        if (!(error instanceof StewardError && error.code === 'already-exists')) throw error;
      }
    }
    await discardArchive(this.#place, facts.archive);
    throw new StewardError('backup-failed', 'others committed backups of this workspace at the same time');
  }

  async #manifests(signal: AbortSignal): Promise<BackupEntry[]> {
    const found: BackupEntry[] = [];
    for await (const { name, modifiedMs } of this.#objects(signal)) {
      const generation = generationOf(name);
      if (generation !== undefined) found.push({ generation, manifest: name, committedAtMs: modifiedMs });
    }
    return found.sort((one, other) => one.generation - other.generation);
  }

  #objects(signal: AbortSignal): AsyncIterable<StoredObject> {
    return this.#place.storage.list(this.#folder(), signal);
  }

  #folder(): string {
    return `${this.#owner}/workspaces/${this.#workspace}/backups/`;
  }

  #archiveName(generation: number, instance: InstanceId): ObjectName {
    const unique = this.#place.world.random.uuid().slice(0, 8);
    return `${this.#folder()}${padded(generation)}-${instance}-${unique}.tar.zst`;
  }

  #manifestName(generation: number): ObjectName {
    return `${this.#folder()}${padded(generation)}${MANIFEST_SUFFIX}`;
  }
}

const MANIFEST_SUFFIX = '.manifest.json';

function padded(generation: number): string {
  return String(generation).padStart(GENERATION_DIGITS, '0');
}

function generationOf(name: ObjectName): number | undefined {
  const [, digits] = /\/(\d+)\.manifest\.json$/.exec(name) ?? [];
  return digits?.length === GENERATION_DIGITS ? Number(digits) : undefined;
}
