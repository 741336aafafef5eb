import type { ExecRequest } from '../gen/steward/v1/runtime.js';

/** What goes to a command, in order; the source of it waits until each is on its way. */
export class ExecRequests implements AsyncIterable<ExecRequest> {
  #waiting: { readonly event: NonNullable<ExecRequest['event']>; readonly taken: () => void }[] = [];
  #isEnded = false;
  #wake: () => void = () => {};

  /** Resolves when it was sent, or nothing is sent any more. */
  send(event: NonNullable<ExecRequest['event']>): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ event, taken: resolve });
      this.#wake();
    });
  }

  end(): void {
    this.#isEnded = true;
    for (const { taken } of this.#waiting) taken();
    this.#waiting = [];
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExecRequest> {
    while (!this.#isEnded) {
      const next = this.#waiting.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      yield { event: next.event };
      next.taken();
    }
  }
}
