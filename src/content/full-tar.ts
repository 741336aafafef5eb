import { pipeline, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { OwnerId, WorkspaceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import { withDeadline } from '../gateways/deadline.js';
import type { ObjectName, StoredObject } from '../storage/object-storage.js';
import { packFolder } from './archive.js';
import { type ArchivePlace, unpackObject, verifyArchive, type WorkOptions } from './archive-objects.js';
import { ARCHIVE_DEADLINE_MS, FULL_TAR_NOTE_BYTES } from './bounds.js';
import { Meter, metered } from './digest.js';
import { excludesOf } from './exclude-file.js';
import type { BackupManifest } from './manifest.js';

export interface WriteFullTarOptions extends WorkOptions {
  /** The backup that was made of the same content. */
  readonly generation: number;
  /** Configured ones; those of the content itself are added. */
  readonly excludes: readonly string[];
}

/** What we note beside the object, to tell one of ours from one of others. */
interface Note {
  readonly generation: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/**
 * The one plain archive of a workspace, `<owner>/workspaces/<workspace>/full.tar`, that other tools write and read
 * (content spec 4.3). It comes without a manifest and is replaced in place, so it is only a way in for content of
 * others, and a copy for them: our backups never rest on it.
 */
export class FullTar {
  readonly #place: ArchivePlace;
  readonly #name: ObjectName;

  constructor(place: ArchivePlace, owner: OwnerId, workspace: WorkspaceId) {
    this.#place = place;
    this.#name = `${owner}/workspaces/${workspace}/full.tar`;
  }

  /** One that others wrote after our newest backup was made, or without one; undefined when there is none. */
  async newerThan(
    newest: Pick<BackupManifest, 'createdAtMs'> | undefined,
    signal: AbortSignal,
  ): Promise<StoredObject | undefined> {
    const found = await this.#place.storage.head(this.#name, signal);
    if (found === undefined || found.modifiedMs <= (newest?.createdAtMs ?? 0)) return undefined;
    if (newest === undefined) return found;
    const note = await this.#readNote(signal);
    const isOurs = note?.sizeBytes === found.sizeBytes && note.modifiedMs === found.modifiedMs;
    return isOurs ? undefined : found;
  }

  /** Unpacks it into an empty folder, as an archive that nobody vouches for. */
  async restore(folder: string, options: WorkOptions): Promise<void> {
    await unpackObject(this.#place, this.#name, folder, options);
  }

  /**
   * Writes the content anew and takes the place of what was there at once, so that readers see a whole archive at
   * any time. Fails with `backup-failed` when the storage does not give back what it was given.
   */
  async write(folder: string, options: WriteFullTarOptions): Promise<void> {
    const { world, storage } = this.#place;
    await withDeadline(world.clock, ARCHIVE_DEADLINE_MS, 'full.tar', options.signal, async (signal) => {
      if ((await this.#readNote(signal))?.generation === options.generation) return;
      const excludes = await excludesOf(world, folder, options.excludes, signal, () => undefined);
      const packing = await packFolder(world, folder, { signal, excludes, isPlain: true });
      const meter = new Meter();
      const passing = metered(meter, (bytes) => options.onProgress?.({ step: 'packing', bytes }));
      try {
        await storage.replace(
          this.#name,
          pipeline(packing.body, passing, () => undefined),
          {
            signal,
            contentType: 'application/x-tar',
            annotations: { 'steward-generation': String(options.generation) },
          },
        );
      } catch (error) {
        throw packing.body.errored instanceof StewardError ? packing.body.errored : error;
      } finally {
        packing.body.destroy();
        await packing.ended;
      }
      await verifyArchive(this.#place, this.#name, meter.finish(), { ...options, signal });
      await this.#writeNote(options.generation, signal);
    });
  }

  async #writeNote(generation: number, signal: AbortSignal): Promise<void> {
    const { storage } = this.#place;
    const found = await storage.head(this.#name, signal);
    if (found === undefined) throw new StewardError('backup-failed', 'the storage lost full.tar');
    const { sizeBytes, modifiedMs } = found;
    const note: Note = { generation, sizeBytes, modifiedMs };
    const options = { signal, contentType: 'application/json' };
    await storage.replace(this.#noteName, Readable.from([JSON.stringify(note)]), options);
  }

  /** One that cannot be read notes nothing. */
  async #readNote(signal: AbortSignal): Promise<Partial<Note> | undefined> {
    const range = { start: 0, end: FULL_TAR_NOTE_BYTES - 1 };
    const stored = await this.#place.storage.get(this.#noteName, { signal, range });
    if (stored === undefined) return undefined;
    const written = await text(stored);
    try {
      return Object(JSON.parse(written));
    } catch {
      return undefined;
    }
  }

  get #noteName(): ObjectName {
    return `${this.#name}.note.json`;
  }
}
