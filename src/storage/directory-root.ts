import { dirname, join } from 'node:path';
import { parseJson } from '../config/parse-json.js';
import { StewardError } from '../errors/steward-error.js';
import { makeDurableDirectory, replaceDurably } from '../gateways/durable.js';
import { errorCode } from '../gateways/file-error.js';
import type { World } from '../gateways/world.js';
import { IDENTITY_BYTES } from './bounds.js';
import { rootFailure } from './failures.js';

export type DirectoryWorld = Pick<World, 'files' | 'random'>;

export interface DirectoryRootOptions {
  /** The folder that holds the objects; created when it has never been used. */
  readonly folder: string;
  /** A file outside of it, in the state folder, that remembers which storage was used. */
  readonly witness: string;
}

/**
 * The folder of a directory storage. A marker in it bears an identity, and a witness elsewhere remembers that
 * identity: a disk that is not mounted looks like an empty folder and must not pass for a storage without
 * objects.
 */
export class DirectoryRoot {
  readonly path: string;
  readonly objects: string;
  /** Of this installation alone; others may share the folder. */
  #uploads = '';
  readonly #world: DirectoryWorld;
  readonly #witness: string;
  readonly #marker: string;
  #identity: string | undefined;
  #opening: Promise<string> | undefined;

  constructor(world: DirectoryWorld, options: DirectoryRootOptions) {
    this.#world = world;
    this.path = options.folder;
    this.objects = join(options.folder, 'objects');
    this.#witness = options.witness;
    this.#marker = join(options.folder, '.steward-storage');
  }

  get uploads(): string {
    return this.#uploads;
  }

  /** Returns when the folder is there and the one it should be; fails with `storage-unavailable` otherwise. */
  async ready(): Promise<void> {
    try {
      if (this.#identity === undefined) {
        this.#opening ??= this.#open().finally(() => {
          this.#opening = undefined;
        });
        this.#identity = await this.#opening;
      }
      if ((await this.#readMarker()) !== this.#identity) throw this.#vanished();
    } catch (error) {
      throw rootFailure(error, this.path);
    }
  }

  /** As `ready`, and uploads have their folder: one made while the disk was not mounted is not there any more. */
  async readyForUploads(): Promise<void> {
    await this.ready();
    await this.#world.files.makeDirectory(this.#uploads, 0o700);
  }

  async #open(): Promise<string> {
    const { files, random } = this.#world;
    const remembered = await this.#readWitness();
    const found = await this.#readMarker();
    if (remembered !== undefined && found !== remembered.identity) throw this.#vanished();
    const identity = found ?? (await this.#create());
    // The marker may have been written just before a crash: what is remembered must not outlive it.
    await files.syncDirectory(this.path);
    const uploads = remembered?.uploads ?? random.uuid();
    if (remembered === undefined) await this.#remember(identity, uploads);
    // Whoever wrote it may have failed, or been killed, before the name was on disk.
    else await files.syncDirectory(dirname(this.#witness));
    this.#uploads = join(this.path, '.uploads', uploads);
    await files.remove(this.#uploads);
    await makeDurableDirectory(files, this.#uploads, 0o700);
    return identity;
  }

  async #create(): Promise<string> {
    const { files, random } = this.#world;
    await makeDurableDirectory(files, this.objects, 0o700);
    const identity = random.uuid();
    // The marker gets its name whole and on disk: half of one would be taken for another identity, and remembered.
    const unnamed = `${this.#marker}.${identity}`;
    try {
      await files.write(unnamed, identity, { exclusive: true, sync: true, mode: 0o600 });
      await files.link(unnamed, this.#marker);
    } finally {
      await files.remove(unnamed).catch(() => undefined);
    }
    return identity;
  }

  async #remember(identity: string, uploads: string): Promise<void> {
    await makeDurableDirectory(this.#world.files, dirname(this.#witness), 0o700);
    const text = JSON.stringify({ folder: this.path, identity, uploads });
    await replaceDurably(this.#world.files, this.#witness, `${this.#witness}.tmp`, `${text}\n`);
  }

  async #readMarker(): Promise<string | undefined> {
    return this.#readIdentity(this.#marker);
  }

  /** What was remembered of another folder does not count: somebody configured a new one. */
  async #readWitness(): Promise<{ readonly identity: string; readonly uploads: string } | undefined> {
    const text = await this.#readIdentity(this.#witness);
    if (text === undefined) return undefined;
    const { folder, identity, uploads } = Object(parseJson(text));
    if (folder !== this.path || typeof identity !== 'string' || typeof uploads !== 'string') return undefined;
    return { identity, uploads };
  }

  async #readIdentity(path: string): Promise<string | undefined> {
    try {
      return (await this.#world.files.read(path, IDENTITY_BYTES)).toString('utf8');
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  #vanished(): StewardError {
    return new StewardError(
      'storage-unavailable',
      `The storage folder ${this.path} is not the one used before, or its disk is not mounted. ` +
        `If it was replaced on purpose, remove ${this.#witness}.`,
    );
  }
}
