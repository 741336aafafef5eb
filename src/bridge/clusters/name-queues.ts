import { StewardError } from '../../errors/steward-error.js';
import { CLUSTER_CHANGES_MAX } from '../bounds.js';

/** Work on one name, one after the other; that on others meanwhile. A name nobody works on is forgotten. */
export class NameQueues {
  readonly #waitingMax: number;
  readonly #what: (name: string) => string;
  readonly #queues = new Map<string, { last: Promise<unknown>; waiting: number }>();

  /** `waitingMax`: of one name; `what` waits there, in words. */
  constructor(waitingMax = CLUSTER_CHANGES_MAX, what = (name: string) => `changes of cluster "${name}"`) {
    this.#waitingMax = waitingMax;
    this.#what = what;
  }

  /** Fails with `overloaded` when too much waits for the name already. */
  async run<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const queue = this.#queues.get(name) ?? { last: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= this.#waitingMax) {
      throw new StewardError('overloaded', `too many ${this.#what(name)} are waiting`);
    }
    this.#queues.set(name, queue);
    queue.waiting += 1;
    const result = queue.last.then(work);
    queue.last = result.catch(() => undefined);
    try {
      return await result;
    } finally {
      queue.waiting -= 1;
      if (queue.waiting === 0) this.#queues.delete(name);
    }
  }
}
