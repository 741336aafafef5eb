import { createHash } from 'node:crypto';
import { BrokenPromise, type PromiseName } from './broken.js';

/** What happened in a run, and the first promise that broke in it, which ends it. */
export abstract class Trace {
  readonly lines: string[] = [];
  broken: BrokenPromise | undefined;
  readonly #hash = createHash('sha256');

  /** Virtual milliseconds since the beginning. */
  protected abstract get elapsed(): number;

  log(text: string): void {
    const line = `${String(this.elapsed).padStart(9)} ms  ${text}`;
    this.#hash.update(`${line}\n`);
    this.lines.push(line);
  }

  /** The same for the same seed, and different as soon as anything went another way. */
  get fingerprint(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  break(error: unknown): void {
    if (this.broken !== undefined) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.broken = error instanceof BrokenPromise ? error : new BrokenPromise('defect', text);
    this.log(`BROKEN ${this.broken.message}`);
  }

  require(promise: PromiseName, holds: boolean, detail: string): void {
    if (!holds) this.break(new BrokenPromise(promise, detail));
  }
}
