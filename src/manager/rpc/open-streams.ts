import { StewardError } from '../../errors/steward-error.js';

/** How many streams of one kind are open, of all instances and of each. */
export class OpenStreams {
  readonly #what: string;
  readonly #max: number;
  readonly #maxOfOne: number;
  readonly #open = new Map<string, number>();
  #all = 0;

  /** `what`: the streams, as in "too many …". */
  constructor(what: string, max: number, maxOfOne: number) {
    this.#what = what;
    this.#max = max;
    this.#maxOfOne = maxOfOne;
  }

  /** Throws `overloaded` when there are too many already; answers what is to be called once at its end. */
  enter(instance: string): () => void {
    const here = this.#open.get(instance) ?? 0;
    if (here >= this.#maxOfOne) throw this.#tooMany(`of this instance; ${this.#maxOfOne} may be open`);
    if (this.#all >= this.#max) throw this.#tooMany(`on this machine; ${this.#max} may be open`);
    this.#open.set(instance, here + 1);
    this.#all += 1;
    return () => this.#leave(instance);
  }

  #leave(instance: string): void {
    const here = (this.#open.get(instance) ?? 1) - 1;
    if (here === 0) this.#open.delete(instance);
    else this.#open.set(instance, here);
    this.#all -= 1;
  }

  #tooMany(where: string): StewardError {
    return new StewardError('overloaded', `too many ${this.#what} are open ${where}`);
  }
}
