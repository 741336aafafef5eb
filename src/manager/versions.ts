import { StewardError, toStewardError } from '../errors/steward-error.js';
import { makeDurableDirectory } from '../gateways/durable.js';
import type { Files } from '../gateways/files.js';
import { Sequences } from '../records/sequences.js';
import { InOrder } from './instance/in-order.js';

/** Status versions of all instances of one manager: each one new, and larger than all before it. */
export class Versions {
  readonly #sequences: Sequences;
  readonly #order = new InOrder();
  readonly #forever = new AbortController().signal;

  private constructor(sequences: Sequences) {
    this.#sequences = sequences;
  }

  /** `known` is the highest version found in a record. */
  static async open(files: Files, folder: string, known: number): Promise<Versions> {
    await makeDurableDirectory(files, folder, 0o700);
    return new Versions(await Sequences.open(files, folder, known));
  }

  /** Fails with `disk-full` or `record-not-written`. */
  next(): Promise<number> {
    return this.#order.run(this.#forever, () => this.#take());
  }

  async #take(): Promise<number> {
    try {
      return await this.#sequences.take(1);
    } catch (error) {
      const isFull = toStewardError(error).code === 'disk-full';
      const code = isFull ? 'disk-full' : 'record-not-written';
      throw new StewardError(code, 'No version of a status could be reserved.', { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#order.idle();
    await this.#sequences.close();
  }
}
