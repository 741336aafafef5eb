import { dirname, join } from 'node:path';
import { parseJson } from '../config/parse-json.js';
import { StewardError } from '../errors/steward-error.js';
import { makeDurableDirectory, replaceDurably } from '../gateways/durable.js';
import { errorCode } from '../gateways/file-error.js';
import type { World } from '../gateways/world.js';
import { WITNESS_BYTES } from './bounds.js';

export interface FolderWitnessOptions {
  /** May be a disk of its own; created when it has never been used. */
  readonly folder: string;
  /** Name of the marker inside of it. */
  readonly marker: string;
  /** A file outside of it that remembers which folder was used. */
  readonly witness: string;
}

/**
 * Tells whether a folder is the one that was used before. A marker in it bears an identity, and a witness elsewhere
 * remembers that identity: a disk that is not mounted looks like an empty folder, and must not pass for a folder
 * whose things are gone.
 */
export class FolderWitness {
  readonly #world: Pick<World, 'files' | 'random'>;
  readonly #options: FolderWitnessOptions;
  #identity: string | undefined;

  constructor(world: Pick<World, 'files' | 'random'>, options: FolderWitnessOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** To be called once, before the folder is used. Fails with `storage-unavailable` when it is another one. */
  async open(): Promise<void> {
    const { files } = this.#world;
    const { folder, witness } = this.#options;
    const remembered = await this.#remembered();
    const found = await this.#read(this.#marker);
    if (remembered !== undefined && found !== remembered) throw this.#vanished();
    const identity = found ?? (await this.#mark());
    // The marker may have been written just before a crash: what is remembered must not outlive it.
    await files.syncDirectory(folder);
    if (remembered === undefined) await this.#remember(identity);
    // Whoever wrote it may have been killed before the name was on disk.
    else await files.syncDirectory(dirname(witness));
    this.#identity = identity;
  }

  /** Fails with `storage-unavailable` when the folder is not, or no longer, the one that was opened. */
  async check(): Promise<void> {
    if (this.#identity === undefined || (await this.#read(this.#marker)) !== this.#identity) {
      throw this.#vanished();
    }
  }

  get #marker(): string {
    return join(this.#options.folder, this.#options.marker);
  }

  async #mark(): Promise<string> {
    const identity = this.#world.random.uuid();
    await this.#world.files.remove(this.#marker);
    await this.#world.files.write(this.#marker, identity, { exclusive: true, sync: true, mode: 0o600 });
    return identity;
  }

  async #remember(identity: string): Promise<void> {
    const { folder, witness } = this.#options;
    await makeDurableDirectory(this.#world.files, dirname(witness), 0o700);
    const text = JSON.stringify({ folder, identity });
    await replaceDurably(this.#world.files, witness, `${witness}.tmp`, `${text}\n`);
  }

  /** What was remembered of a folder elsewhere does not count: somebody configured a new one. */
  async #remembered(): Promise<string | undefined> {
    const text = await this.#read(this.#options.witness);
    if (text === undefined) return undefined;
    const { folder, identity } = Object(parseJson(text));
    return folder === this.#options.folder && typeof identity === 'string' ? identity : undefined;
  }

  async #read(path: string): Promise<string | undefined> {
    try {
      const text = (await this.#world.files.read(path, WITNESS_BYTES)).toString('utf8');
      // A crash may leave a name before its bytes: that is no identity yet.
      return text === '' ? undefined : text;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  #vanished(): StewardError {
    const { folder, witness } = this.#options;
    return new StewardError(
      'storage-unavailable',
      `${folder} is not the folder used before, or its disk is not mounted; nothing in it is taken for lost. ` +
        `If it was replaced on purpose, remove ${witness}.`,
    );
  }
}
