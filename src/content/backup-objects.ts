import { Readable } from 'node:stream';
import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import type { ObjectName, StoredObject } from '../storage/object-storage.js';
import { commitManifest, readManifest } from './archive-manifests.js';
import type { ArchivePlace } from './archive-objects.js';
import { COMMIT_ATTEMPTS_MAX, GENERATION_DIGITS } from './bounds.js';
import { type BackupManifest, unreadable } from './manifest.js';

/** A committed backup as a listing shows it; `read` gives the manifest. */
export interface BackupEntry {
  readonly generation: number;
  readonly manifest: ObjectName;
  readonly committedAtMs: number;
}

/** The objects of one workspace's backups: which there are, and how a new generation comes to be. */
export class BackupObjects {
  readonly place: ArchivePlace;
  readonly owner: OwnerId;
  readonly workspace: WorkspaceId;

  constructor(place: ArchivePlace, owner: OwnerId, workspace: WorkspaceId) {
    this.place = place;
    this.owner = owner;
    this.workspace = workspace;
  }

  /** Every committed backup, oldest first. */
  async manifests(signal: AbortSignal): Promise<BackupEntry[]> {
    const found: BackupEntry[] = [];
    for await (const { name, modifiedMs } of this.all(signal)) {
      const generation = generationOf(name);
      if (generation !== undefined) found.push({ generation, manifest: name, committedAtMs: modifiedMs });
    }
    return found.sort((one, other) => one.generation - other.generation);
  }

  /** Fails with `backup-not-found` or `manifest-unreadable`. */
  async read(generation: number, signal: AbortSignal): Promise<BackupManifest> {
    const name = this.manifestName(generation);
    const manifest = await readManifest(this.place.storage, name, signal);
    if (manifest === undefined) {
      throw new StewardError('backup-not-found', `workspace ${this.workspace} has no backup ${generation}`);
    }
    if (manifest.kind !== 'backup' || manifest.generation !== generation) {
      throw unreadable(name, 'belongs to something else');
    }
    if (manifest.owner !== this.owner || manifest.workspace !== this.workspace) {
      throw unreadable(name, 'belongs to another workspace');
    }
    return manifest;
  }

  /**
   * Whoever committed it may have died, or been refused, before it was durable: it counts as saved only after this.
   * Fails with `backup-failed` when it is gone: then what is in the content is saved nowhere.
   */
  async settle(generation: number, signal: AbortSignal): Promise<void> {
    const { storage } = this.place;
    const name = this.manifestName(generation);
    await storage.settle(name, signal);
    if ((await storage.head(name, signal)) !== undefined) return;
    throw new StewardError(
      'backup-failed',
      `backup ${generation} went while it was found to hold the content`,
    );
  }

  /**
   * Gives the next free generation to `manifest` and makes it exist. Its archives are never removed here: the
   * outcome of a commit may be unknown, and then its manifest may be there.
   */
  async commit(
    manifest: Omit<BackupManifest, 'kind' | 'generation' | 'previousGeneration'>,
    signal: AbortSignal,
  ): Promise<BackupManifest> {
    for (let attempt = 1; attempt <= COMMIT_ATTEMPTS_MAX; attempt += 1) {
      const { previous, last } = await this.#generations(signal);
      const next: BackupManifest = {
        kind: 'backup',
        generation: last + 1,
        ...(previous === undefined ? {} : { previousGeneration: previous }),
        ...manifest,
      };
      try {
        await commitManifest(this.place.storage, this.manifestName(next.generation), next, signal);
        return next;
      } catch (error) {
        if (!(error instanceof StewardError && error.code === 'already-exists')) throw error;
      }
    }
    throw new StewardError('backup-failed', 'others committed backups of this workspace at the same time');
  }

  /** Makes an older generation's content the newest generation; its archives are shared, nothing is copied. */
  async commitAgain(older: BackupManifest, nowMs: number, signal: AbortSignal): Promise<BackupManifest> {
    const {
      kind: _kind,
      generation,
      previousGeneration: _previous,
      promotedFrom: _from,
      change: _change,
      ...held
    } = older;
    const made = await this.commit({ ...held, createdAtMs: nowMs, promotedFrom: generation }, signal);
    await this.requireBasis(generation, made, signal);
    return made;
  }

  /**
   * What a commit builds on may have been removed while it was made. Whoever removes it looks for manifests that
   * need its archives after its own is gone, so one that is still there now keeps them.
   */
  async requireBasis(basis: number, made: BackupManifest, signal: AbortSignal): Promise<void> {
    const { storage } = this.place;
    if ((await storage.head(this.manifestName(basis), signal)) !== undefined) return;
    await storage.delete(this.manifestName(made.generation), signal);
    throw new StewardError('backup-failed', `backup ${basis} was removed while another was built on it`);
  }

  /**
   * Before the newest generation is removed: its number must not be given again, because others may have noted it.
   * What keeps it goes with the workspace, or with the sweep once there is a newer generation.
   */
  async retire(generation: number, signal: AbortSignal): Promise<void> {
    const body = Readable.from([Buffer.from('removed\n')], { objectMode: false });
    try {
      await this.place.storage.put(`${this.#folder()}${padded(generation)}${RETIRED_SUFFIX}`, body, {
        signal,
      });
    } catch (error) {
      if (!(error instanceof StewardError && error.code === 'already-exists')) throw error;
    }
  }

  /** The newest one that exists, and the newest one that ever did. */
  async #generations(
    signal: AbortSignal,
  ): Promise<{ readonly previous: number | undefined; readonly last: number }> {
    let previous: number | undefined;
    let last = 0;
    for await (const { name } of this.all(signal)) {
      const generation = generationOf(name);
      if (generation !== undefined) previous = Math.max(previous ?? 0, generation);
      last = Math.max(last, generation ?? retiredGenerationOf(name) ?? 0);
    }
    return { previous, last };
  }

  /** Whether every archive of it is still there in its size; says nothing of their bytes. */
  async isStored(manifest: BackupManifest, signal: AbortSignal): Promise<boolean> {
    for (const { archive, sizeBytes } of manifest.parts) {
      if ((await this.place.storage.head(archive, signal))?.sizeBytes !== sizeBytes) return false;
    }
    return true;
  }

  /** Archives, manifests and whatever else lies among them. */
  all(signal: AbortSignal): AsyncIterable<StoredObject> {
    return this.place.storage.list(this.#folder(), signal);
  }

  /** A name never used before; `generation` is for people, others may take it meanwhile. */
  newArchiveName(generation: number, instance: InstanceId): ObjectName {
    const unique = this.place.world.random.uuid().slice(0, 8);
    return `${this.#folder()}${padded(generation)}-${instance}-${unique}.tar.zst`;
  }

  manifestName(generation: number): ObjectName {
    return `${this.#folder()}${padded(generation)}${MANIFEST_SUFFIX}`;
  }

  #folder(): string {
    return `${this.owner}/workspaces/${this.workspace}/backups/`;
  }
}

const MANIFEST_SUFFIX = '.manifest.json';
const RETIRED_SUFFIX = '.retired';

function padded(generation: number): string {
  return String(generation).padStart(GENERATION_DIGITS, '0');
}

/** undefined for every object that is no manifest. */
export function generationOf(name: ObjectName): number | undefined {
  const [, digits] = /\/(\d+)\.manifest\.json$/.exec(name) ?? [];
  return digits?.length === GENERATION_DIGITS ? Number(digits) : undefined;
}

/** The generation whose number an object keeps from being given again; undefined for every other object. */
export function retiredGenerationOf(name: ObjectName): number | undefined {
  const [, digits] = /\/(\d+)\.retired$/.exec(name) ?? [];
  return digits?.length === GENERATION_DIGITS ? Number(digits) : undefined;
}
