/**
 * The work of one instance on its command, one piece at a time: a stop begins only when a start that was given up
 * has really ended, so that nothing appears behind it.
 */
export class InOrder {
  #tail: Promise<unknown> = Promise.resolve();

  /** Rejects without running `work` when `signal` aborts before its turn. */
  run<Output>(signal: AbortSignal, work: () => Promise<Output>): Promise<Output> {
    const result = this.#tail.then(() => {
      signal.throwIfAborted();
      return work();
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when everything asked for so far has ended. */
  async idle(): Promise<void> {
    await this.#tail;
  }
}
