import { type FileHandle, open } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { WRITE_BUFFER_BYTES } from '../bounds.js';

type Done = (error?: Error | null) => void;

/** Writes a new file; `finish` comes after fsync, which Node's own stream does not promise. */
export class FileWriteStream extends Writable {
  readonly #path: string;
  readonly #mode: number | undefined;
  #handle: FileHandle | undefined;

  constructor(path: string, mode: number | undefined) {
    super({ highWaterMark: WRITE_BUFFER_BYTES });
    this.#path = path;
    this.#mode = mode;
  }

  override _construct(done: Done): void {
    settle(this.#open(), done);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    settle(this.#write([chunk]), done);
  }

  override _writev(chunks: { chunk: Buffer; encoding: BufferEncoding }[], done: Done): void {
    settle(this.#write(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: Done): void {
    settle(this.#sync(), done);
  }

  override _destroy(error: Error | null, done: Done): void {
    const closing = this.#handle?.close() ?? Promise.resolve();
    this.#handle = undefined;
    closing.then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    );
  }

  async #open(): Promise<void> {
    this.#handle = await open(this.#path, 'wx', this.#mode);
    if (this.#mode !== undefined) await this.#handle.chmod(this.#mode);
  }

  /** One writev may take only a part, so what is left goes on from where it stopped. */
  async #write(chunks: readonly Buffer[]): Promise<void> {
    let left = chunks.filter((chunk) => chunk.length > 0);
    while (left.length > 0) {
      const { bytesWritten } = (await this.#handle?.writev(left)) ?? { bytesWritten: 0 };
      left = after(left, bytesWritten);
    }
  }

  async #sync(): Promise<void> {
    await this.#handle?.sync();
  }
}

function after(chunks: readonly Buffer[], bytes: number): Buffer[] {
  let passed = bytes;
  const left: Buffer[] = [];
  for (const chunk of chunks) {
    if (passed >= chunk.length) passed -= chunk.length;
    else {
      left.push(chunk.subarray(passed));
      passed = 0;
    }
  }
  return left;
}

function settle(work: Promise<void>, done: Done): void {
  work.then(
    () => done(),
    (error: Error) => done(error),
  );
}
