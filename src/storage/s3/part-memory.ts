/**
 * Memory for the parts of one upload: so many bytes at one time, whoever asks for more waits. Buffers are used
 * again, because freed ones stay with the process for a while.
 */
export class PartMemory {
  readonly #limitBytes: number;
  readonly #countMax: number;
  readonly #free: Buffer[] = [];
  readonly #inUse = new Set<ArrayBufferLike>();
  readonly #waiting: (() => void)[] = [];
  #usedBytes = 0;

  /** At most `countMax` buffers of together `limitBytes`; a single one is always given. */
  constructor(limitBytes: number, countMax: number) {
    this.#limitBytes = limitBytes;
    this.#countMax = countMax;
  }

  /** Ends when the signal of the upload ends it: then what is waited for is given back. */
  async take(bytes: number): Promise<Buffer> {
    while (!this.#hasRoom(bytes)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    const index = this.#free.findIndex((buffer) => buffer.length === bytes);
    const buffer = this.#free.splice(index, index < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(bytes);
    this.#free.splice(0, this.#free.length, ...this.#free.filter((free) => free.length === bytes));
    this.#inUse.add(buffer.buffer);
    this.#usedBytes += bytes;
    return buffer;
  }

  /** Takes back a buffer, or a part of it. */
  giveBack(part: Buffer): void {
    if (!this.#inUse.delete(part.buffer)) return;
    this.#usedBytes -= part.buffer.byteLength;
    this.#free.push(Buffer.from(part.buffer));
    for (const goOn of this.#waiting.splice(0)) goOn();
  }

  #hasRoom(bytes: number): boolean {
    const isSingle = this.#inUse.size === 0;
    return isSingle || (this.#inUse.size < this.#countMax && this.#usedBytes + bytes <= this.#limitBytes);
  }
}
