import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StewardError } from '../errors/steward-error.js';
import { makeDurableDirectory } from '../gateways/durable.js';
import type { DirectoryEntry, FileStat } from '../gateways/files.js';
import { REREAD_STEP_BYTES } from './bounds.js';
import { DirectoryRoot, type DirectoryRootOptions, type DirectoryWorld } from './directory-root.js';
import { readingFailuresAs, storageFailure } from './failures.js';
import { checkObjectName, checkPrefix, splitUrl } from './object-name.js';
import type { GetOptions, ObjectName, ObjectStorage, PutOptions, StoredObject } from './object-storage.js';
import { Rereading } from './rereading.js';

export interface DirectoryStorageOptions extends DirectoryRootOptions {
  readonly bucket: string;
}

/**
 * Objects as files below one folder of a local disk. An upload becomes an object by a link, so that it is
 * there whole or not at all and never replaces another.
 */
export class DirectoryStorage implements ObjectStorage {
  readonly #bucket: string;
  readonly #world: DirectoryWorld;
  readonly #root: DirectoryRoot;

  /** Touches nothing yet: a folder that cannot be used fails each operation until it can. */
  constructor(world: DirectoryWorld, options: DirectoryStorageOptions) {
    this.#bucket = options.bucket;
    this.#world = world;
    this.#root = new DirectoryRoot(world, options);
  }

  urlOf(name: ObjectName): string {
    checkObjectName(name);
    return `${name}@${this.#bucket}`;
  }

  nameOf(url: string): ObjectName | undefined {
    const parts = splitUrl(url);
    return parts?.bucket === this.#bucket ? parts.key : undefined;
  }

  put(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    const { files } = this.#world;
    return this.#upload(name, body, options, (upload, path) => files.link(upload, path));
  }

  replace(name: ObjectName, body: Readable, options: PutOptions): Promise<StoredObject> {
    const { files } = this.#world;
    return this.#upload(name, body, options, (upload, path) => files.rename(upload, path));
  }

  async get(name: ObjectName, options: GetOptions): Promise<Readable | undefined> {
    const found = await this.head(name, options.signal);
    if (found === undefined) return undefined;
    // With its end known, a small object takes no buffer of the size of a large one.
    const whole = found.sizeBytes === 0 ? undefined : { start: 0, end: found.sizeBytes - 1 };
    const reading = this.#world.files.openRead(this.#path(name), options.range ?? whole);
    return readingFailuresAs(reading, options.signal, (error) => storageFailure(error, this.#root.path));
  }

  async head(name: ObjectName, signal: AbortSignal): Promise<StoredObject | undefined> {
    checkObjectName(name);
    return this.#guarded(signal, undefined, async () => {
      await this.#root.ready();
      const stat = await this.#world.files.stat(this.#path(name));
      return stat?.kind === 'file' ? stored(name, stat) : undefined;
    });
  }

  /** A link comes after the bytes and the folders are on disk, so only the name may be missing there. */
  async settle(name: ObjectName, signal: AbortSignal): Promise<void> {
    if ((await this.head(name, signal)) === undefined) return;
    const folder = dirname(this.#path(name));
    await this.#guarded(signal, undefined, () => this.#world.files.syncDirectory(folder));
  }

  async *list(prefix: string, signal: AbortSignal, after?: ObjectName): AsyncGenerator<StoredObject> {
    checkPrefix(prefix);
    await this.#guarded(signal, undefined, () => this.#root.ready());
    yield* this.#below(prefix.slice(0, prefix.lastIndexOf('/') + 1), { prefix, after: after ?? '' }, signal);
  }

  async delete(name: ObjectName, signal: AbortSignal): Promise<void> {
    const found = await this.head(name, signal);
    if (found === undefined) return;
    await this.#guarded(signal, undefined, async () => {
      await this.#world.files.remove(this.#path(name));
      await this.#world.files.syncDirectory(dirname(this.#path(name)));
    });
  }

  async deleteMany(names: readonly ObjectName[], signal: AbortSignal): Promise<void> {
    for (const name of names) await this.delete(name, signal);
  }

  async sign(): Promise<string> {
    throw new StewardError('not-implemented', 'A directory cannot give links to its objects.');
  }

  /** Its own are removed when it is opened. */
  async sweep(): Promise<number> {
    return 0;
  }

  async check(signal: AbortSignal): Promise<void> {
    const { files, random } = this.#world;
    await this.#guarded(signal, undefined, async () => {
      await this.#root.readyForUploads();
      const probe = join(this.#root.uploads, `check-${random.uuid()}`);
      try {
        await files.write(probe, 'check', { exclusive: true, sync: true });
        await files.read(probe, 'check'.length);
      } finally {
        await files.remove(probe).catch(() => undefined);
      }
    });
  }

  async #upload(
    name: ObjectName,
    body: Readable,
    options: PutOptions,
    place: (upload: string, path: string) => Promise<void>,
  ): Promise<StoredObject> {
    checkObjectName(name);
    const { files, random } = this.#world;
    return this.#guarded(options.signal, body, async () => {
      await this.#root.readyForUploads();
      const upload = join(this.#root.uploads, random.uuid());
      try {
        const sha256 = await this.#write(body, upload, options.signal);
        const object = await this.#commit(name, options.signal, (path) => place(upload, path));
        return { ...object, sha256 };
      } finally {
        await files.remove(upload).catch(() => undefined);
      }
    });
  }

  /**
   * Returns the SHA-256 of what the file holds, most of which is read again while more of it comes. What the
   * disk refuses is the storage's failure, although the pipeline breaks the body with it, too.
   */
  async #write(body: Readable, upload: string, signal: AbortSignal): Promise<string> {
    const again = new Rereading(this.#world.files, upload);
    let passedBytes = 0;
    body.on('data', (chunk: Buffer) => {
      const before = Math.floor(passedBytes / REREAD_STEP_BYTES);
      passedBytes += chunk.length;
      if (Math.floor(passedBytes / REREAD_STEP_BYTES) > before) again.advance();
    });
    body.once('end', () => again.advance());
    const file = this.#world.files.openWrite(upload, { mode: 0o600 });
    let refusal: Error | undefined;
    file.once('error', (error) => {
      if (body.errored === null) refusal = error;
    });
    try {
      await pipeline(body, file, { signal });
      return await again.finish();
    } catch (error) {
      throw error === refusal ? storageFailure(error, this.#root.path) : error;
    }
  }

  async #commit(
    name: ObjectName,
    signal: AbortSignal,
    place: (path: string) => Promise<void>,
  ): Promise<StoredObject> {
    const { files } = this.#world;
    const path = this.#path(name);
    await this.#root.ready();
    await makeDurableDirectory(files, dirname(path), 0o700);
    signal.throwIfAborted();
    await place(path);
    await files.syncDirectory(dirname(path));
    const stat = await files.stat(path);
    if (stat === undefined) throw new Error('an object that was just written is not there');
    return stored(name, stat);
  }

  /** Objects in and below `folder` (empty or ending in `/`), in the order of their full names. */
  async *#below(folder: string, wanted: Wanted, signal: AbortSignal): AsyncGenerator<StoredObject> {
    const { prefix, after } = wanted;
    for (const entry of await this.#entries(folder, signal)) {
      const name = folder + entry.name;
      if (entry.kind === 'directory') {
        const isInside = `${name}/`.startsWith(prefix) || prefix.startsWith(`${name}/`);
        const isBehind = `${name}/` > after || after.startsWith(`${name}/`);
        if (isInside && isBehind) yield* this.#below(`${name}/`, wanted, signal);
      } else if (entry.kind === 'file' && name.startsWith(prefix) && name > after) {
        const found = await this.head(name, signal);
        if (found !== undefined) yield found;
      }
    }
  }

  async #entries(folder: string, signal: AbortSignal): Promise<readonly DirectoryEntry[]> {
    const path = this.#path(folder);
    return this.#guarded(signal, undefined, async () => {
      if ((await this.#world.files.stat(path)) === undefined) return [];
      const entries = await this.#world.files.list(path);
      return [...entries].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    });
  }

  /** Failures of the disk become the storage's; an abort and a failure of the body stay what they are. */
  async #guarded<T>(signal: AbortSignal, body: Readable | undefined, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (body?.errored === error) throw error;
      throw storageFailure(error, this.#root.path);
    }
  }

  #path(name: string): string {
    return join(this.#root.objects, name);
  }
}

/** Names that begin with `prefix` and come behind `after`; both may be empty. */
interface Wanted {
  readonly prefix: string;
  readonly after: string;
}

/** A folder's objects all come where its name followed by `/` belongs. */
function sortKey(entry: DirectoryEntry): string {
  return entry.kind === 'directory' ? `${entry.name}/` : entry.name;
}

function stored(name: ObjectName, stat: FileStat): StoredObject {
  return { name, sizeBytes: stat.sizeBytes, modifiedMs: stat.modifiedMs };
}
