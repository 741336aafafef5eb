import { createHash } from 'node:crypto';
import type { Files } from '../gateways/files.js';

/** The SHA-256 of a file by reading it again, from its beginning on, as far as it is there. */
export class Rereading {
  readonly #files: Files;
  readonly #path: string;
  readonly #hash = createHash('sha256');
  #at = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Goes on as far as the file reaches now; what fails is told by `finish`. */
  advance(): void {
    this.#running = this.#running.then(() => this.#take());
    this.#running.catch(() => undefined);
  }

  async finish(): Promise<string> {
    this.advance();
    await this.#running;
    return this.#hash.digest('hex');
  }

  async #take(): Promise<void> {
    const end = (await this.#files.stat(this.#path))?.sizeBytes ?? 0;
    if (end <= this.#at) return;
    await this.#files.scan(this.#path, { start: this.#at, end: end - 1 }, (piece) => {
      this.#hash.update(piece);
      this.#at += piece.length;
    });
  }
}
