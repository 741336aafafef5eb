import { PassThrough, type Readable } from 'node:stream';

/** What is fed to a command. Once the command has closed its input, the rest is dropped. */
export class ExecInput {
  readonly #through = new PassThrough();

  constructor() {
    this.#through.on('error', () => undefined);
  }

  get stream(): Readable {
    return this.#through;
  }

  /** Resolves when there is room for more. */
  async write(data: Uint8Array): Promise<void> {
    if (this.#through.destroyed || this.#through.writableEnded) return;
    if (this.#through.write(data)) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        this.#through.off('drain', settle).off('close', settle);
        resolve();
      };
      this.#through.on('drain', settle).on('close', settle);
    });
  }

  end(): void {
    this.#through.end();
  }
}
