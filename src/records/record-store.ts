import { join } from 'node:path';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import { makeDurableDirectory } from '../gateways/durable.js';
import { errorCode } from '../gateways/file-error.js';
import type { World } from '../gateways/world.js';
import type { AlarmListener } from './alarm.js';
import { RECORD_BYTES, RECORD_READS_MAX } from './bounds.js';
import { open, seal } from './envelope.js';
import { FolderSync } from './folder-sync.js';
import { type Content, KeyWrites } from './key-writes.js';
import { migrate, type RecordSchema } from './schema.js';

export interface RecordStoreOptions<Body> {
  /** Holds one file per key and nothing else. */
  readonly folder: string;
  /** Where records go that cannot be read; on the same file system. */
  readonly setAside: string;
  readonly schema: RecordSchema<Body>;
  readonly onAlarm: AlarmListener;
}

export interface StoredRecord<Body> {
  readonly key: string;
  readonly body: Body;
}

/** Errors that speak of this file alone; any other would befall all records, and then none is touched. */
const OWN_FAULTS: ReadonlySet<string | undefined> = new Set(['EIO', 'EFBIG', 'EISDIR', 'ELOOP']);
const RECORD = '.record';
const TEMPORARY = '.tmp';

/**
 * Small JSON documents that survive a crash whole: one file per key, replaced by rename. Writes of many keys
 * that move together share the sync of the folder. Records that cannot be read are set aside with an alarm.
 */
export class RecordStore<Body> {
  readonly #world: Pick<World, 'files' | 'clock'>;
  readonly #options: RecordStoreOptions<Body>;
  readonly #folderSync: FolderSync;
  readonly #writes: KeyWrites;

  private constructor(world: Pick<World, 'files' | 'clock'>, options: RecordStoreOptions<Body>) {
    this.#world = world;
    this.#options = options;
    this.#folderSync = new FolderSync(world.files, options.folder);
    this.#writes = new KeyWrites((key, content) => this.#apply(key, content));
  }

  /** Creates the folders where needed and removes what interrupted writes left. */
  static async open<Body>(
    world: Pick<World, 'files' | 'clock'>,
    options: RecordStoreOptions<Body>,
  ): Promise<RecordStore<Body>> {
    await makeDurableDirectory(world.files, options.folder, 0o700);
    await makeDurableDirectory(world.files, options.setAside, 0o700);
    for (const { name } of await world.files.list(options.folder)) {
      if (name.endsWith(TEMPORARY)) await world.files.remove(join(options.folder, name));
    }
    // A former life may have been killed between a rename and its sync: what is read here must stay.
    await world.files.syncDirectory(options.folder);
    return new RecordStore(world, options);
  }

  /**
   * Resolves when this body, or a newer one of the same key, is on disk. The body is taken as it is now.
   * Fails with `record-not-written` or `disk-full` (the older record is still whole then), or `overloaded`.
   */
  async write(key: string, body: Body): Promise<void> {
    checkKey(key);
    const text = seal(key, this.#options.schema.version, body);
    if (Buffer.byteLength(text) > RECORD_BYTES) {
      throw new StewardError(
        'record-not-written',
        `The record of ${key} is larger than ${RECORD_BYTES} bytes.`,
      );
    }
    await this.#writes.change(key, text);
  }

  /** Resolves when the record is gone for good; a missing one is fine. */
  async remove(key: string): Promise<void> {
    checkKey(key);
    await this.#writes.change(key, undefined);
  }

  /** Every record, in the order of the keys; what cannot be read is set aside. To be used once, at start. */
  async *loadAll(): AsyncGenerator<StoredRecord<Body>> {
    const names = (await this.#world.files.list(this.#options.folder)).map(({ name }) => name);
    const keys = names.filter((name) => name.endsWith(RECORD)).map((name) => name.slice(0, -RECORD.length));
    keys.sort();
    for (let first = 0; first < keys.length; first += RECORD_READS_MAX) {
      // All are read before any is looked into: files asked for one by one, between other work, cost twice as much.
      const texts = await Promise.all(
        keys
          .slice(first, first + RECORD_READS_MAX)
          .map(async (key) => ({ key, text: await this.#read(key) })),
      );
      for (const { key, text } of texts) {
        const record = await this.#opened(key, text);
        if (record !== undefined) yield record;
      }
    }
  }

  /** Resolves when all writes asked for have ended, well or not. */
  async flush(): Promise<void> {
    await this.#writes.idle();
  }

  async #opened(key: string, text: ReadText): Promise<StoredRecord<Body> | undefined> {
    if (text.kind === 'gone') return undefined;
    if (text.kind === 'unreadable') return this.#putAside(key, text.reason);
    const opened = open(key, text.text);
    if (opened.kind === 'damaged') return this.#putAside(key, opened.reason);
    const migrated = migrate(this.#options.schema, opened.schema, opened.body);
    if (migrated.kind === 'unfit') return this.#putAside(key, migrated.reason);
    return { key, body: migrated.body };
  }

  async #read(key: string): Promise<ReadText> {
    try {
      const bytes = await this.#world.files.read(this.#path(key), RECORD_BYTES);
      return { kind: 'read', text: bytes.toString('utf8') };
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') return { kind: 'gone' };
      if (!OWN_FAULTS.has(code)) throw error;
      return { kind: 'unreadable', reason: `it cannot be read (${code})` };
    }
  }

  async #putAside(key: string, reason: string): Promise<undefined> {
    const { files, clock } = this.#world;
    const keptAt = join(this.#options.setAside, `${key}.${clock.now()}${RECORD}`);
    // Told first: when this start ends in between, no later one finds anything to tell of.
    this.#options.onAlarm({ kind: 'record-set-aside', key, reason, keptAt });
    await files.rename(this.#path(key), keptAt);
    await files.syncDirectory(this.#options.setAside);
    await this.#folderSync.sync();
  }

  async #apply(key: string, content: Content): Promise<void> {
    const { files } = this.#world;
    try {
      if (content === undefined) await files.remove(this.#path(key));
      else {
        const temporary = join(this.#options.folder, `${key}${TEMPORARY}`);
        await files.write(temporary, content, { mode: 0o600, sync: true });
        await files.rename(temporary, this.#path(key));
      }
      await this.#folderSync.sync();
    } catch (error) {
      const reason = errorCode(error) ?? 'unknown error';
      const isFull = toStewardError(error).code === 'disk-full';
      const where = isFull ? ` in ${this.#options.folder}` : '';
      throw new StewardError(
        isFull ? 'disk-full' : 'record-not-written',
        `The record of ${key} could not be saved${where} (${reason}).`,
        { cause: error },
      );
    }
  }

  #path(key: string): string {
    return join(this.#options.folder, `${key}${RECORD}`);
  }
}

type ReadText =
  | { readonly kind: 'read'; readonly text: string }
  | { readonly kind: 'gone' }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Keys become file names; callers check ids before, so anything else here is a defect. */
function checkKey(key: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(key)) {
    throw new StewardError('internal', 'A record key must be a plain file name.');
  }
}
