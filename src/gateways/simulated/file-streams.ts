import { Readable, Writable } from 'node:stream';
import { WRITE_BUFFER_BYTES } from '../bounds.js';
import { SIMULATED_CHUNK_BYTES } from './bounds.js';

export interface ReadSteps {
  /** The bytes to be read, once the file is open. */
  open(): Promise<Buffer>;
  /** Called before each chunk is handed on. */
  chunk(): Promise<void>;
}

export interface WriteSteps {
  open(): Promise<void>;
  write(data: Buffer): Promise<void>;
  finish(): Promise<void>;
}

export function simulatedReadStream(steps: ReadSteps): Readable {
  async function* chunks() {
    const bytes = await steps.open();
    for (let at = 0; at < bytes.length; at += SIMULATED_CHUNK_BYTES) {
      await steps.chunk();
      yield bytes.subarray(at, at + SIMULATED_CHUNK_BYTES);
    }
  }
  return Readable.from(chunks(), { objectMode: false, highWaterMark: SIMULATED_CHUNK_BYTES });
}

type Done = (error?: Error | null) => void;

export class SimulatedWriteStream extends Writable {
  readonly #steps: WriteSteps;

  constructor(steps: WriteSteps) {
    super({ highWaterMark: WRITE_BUFFER_BYTES });
    this.#steps = steps;
  }

  override _construct(done: Done): void {
    this.#steps.open().then(() => done(), done);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#steps.write(chunk).then(() => done(), done);
  }

  override _final(done: Done): void {
    this.#steps.finish().then(() => done(), done);
  }
}
