import { join } from 'node:path';
import { replaceDurably } from '../gateways/durable.js';
import { errorCode } from '../gateways/file-error.js';
import type { Files } from '../gateways/files.js';
import { RESERVATION_BYTES, SEQUENCE_BLOCK_MAX } from './bounds.js';

/**
 * Numbers that never come twice, not even when the tail of the history is lost in a crash: a block is reserved
 * on disk before any of it is used, and what was left of it is skipped after a crash.
 */
export class Sequences {
  readonly #files: Files;
  readonly #folder: string;
  #next: number;
  #reservedTo: number;

  private constructor(files: Files, folder: string, next: number) {
    this.#files = files;
    this.#folder = folder;
    this.#next = next;
    this.#reservedTo = next;
  }

  /** `known` is the highest number known to have been used. */
  static async open(files: Files, folder: string, known: number): Promise<Sequences> {
    const reservedTo = await readReserved(files, folder);
    return new Sequences(files, folder, Math.max(known + 1, reservedTo));
  }

  get last(): number {
    return this.#next - 1;
  }

  /** The first of `count` new consecutive numbers. One caller at a time. */
  async take(count: number): Promise<number> {
    if (this.#next + count > this.#reservedTo) await this.#reserveTo(this.#next + count + SEQUENCE_BLOCK_MAX);
    const first = this.#next;
    this.#next += count;
    return first;
  }

  /** Gives back what was reserved and not used, so that an orderly restart leaves no gap. */
  async close(): Promise<void> {
    await this.#reserveTo(this.#next);
  }

  async #reserveTo(end: number): Promise<void> {
    const path = join(this.#folder, 'reserved');
    await replaceDurably(this.#files, path, `${path}.tmp`, `${end}\n`);
    this.#reservedTo = end;
  }
}

/** An unreadable file counts as none: the history's last entry is the other witness. */
async function readReserved(files: Files, folder: string): Promise<number> {
  try {
    const text = (await files.read(join(folder, 'reserved'), RESERVATION_BYTES)).toString('utf8');
    return /^\d{1,15}\n$/.test(text) ? Number(text) : 0;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0;
    throw error;
  }
}
