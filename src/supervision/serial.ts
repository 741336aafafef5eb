/** Runs operations one after another, in the order they were given; the first of an idle queue begins at once. */
export class Serial {
  #last: Promise<unknown> | undefined;

  run<Value>(operation: () => Promise<Value>): Promise<Value> {
    const result = this.#last === undefined ? operation() : this.#last.then(operation);
    const settled: Promise<void> = result.then(
      () => this.#release(settled),
      () => this.#release(settled),
    );
    this.#last = settled;
    return result;
  }

  /** Forgets the last operation when nothing waits behind it, so that an idle queue holds nothing. */
  #release(settled: Promise<void>): void {
    if (this.#last === settled) this.#last = undefined;
  }
}
