import type { Clock } from '../gateways/clock.js';
import { KILL_MS } from './bounds.js';
import { settledWithin } from './deadline.js';
import { FORCED, type Leak, type Stopped, toError } from './exit.js';
import type { RunContext } from './run-context.js';
import type { Nested } from './run-owner.js';

/**
 * The kill of one run: its generation is revoked, its signal aborted, its hooks run, and what is still pending
 * after `KILL_MS` is reported as leaked. A supervisor is killed by killing its children, which have that bound.
 */
export class Kill {
  readonly #clock: Clock;
  readonly #context: RunContext;
  readonly #nested: Nested | undefined;
  readonly #leaks: Leak[] = [];
  #result: Promise<Stopped> | undefined;

  constructor(clock: Clock, context: RunContext, nested: Nested | undefined) {
    this.#clock = clock;
    this.#context = context;
    this.#nested = nested;
  }

  /** `pending` is what the child has in hand and promised to settle: its start, its exit, its stop. */
  run(pending: readonly Promise<unknown>[]): Promise<Stopped> {
    this.#result ??= this.#run(pending);
    return this.#result;
  }

  async #run(pending: readonly Promise<unknown>[]): Promise<Stopped> {
    if (this.#nested !== undefined) {
      const stopped = await this.#nested.kill();
      return stopped.outcome === 'leaked' ? stopped : FORCED;
    }
    const open = new Map<Promise<unknown>, string>();
    for (const work of pending) open.set(work, 'task');
    this.#context.revoke();
    for (const hook of this.#context.takeKillHooks()) open.set(this.#runHook(hook), 'kill-hook');
    await this.#settle(open);
    for (const kind of open.values()) {
      this.#leaks.push({ kind, detail: `${this.#context.path} has not ended ${KILL_MS} ms after its kill` });
    }
    return this.#leaks.length > 0 ? { outcome: 'leaked', leaks: this.#leaks } : FORCED;
  }

  /** Waits until everything open has settled or time is up; what has not settled stays in `open`. */
  async #settle(open: Map<Promise<unknown>, string>): Promise<void> {
    const all = [...open.keys()].map((work) => {
      const settled = () => void open.delete(work);
      return work.then(settled, settled);
    });
    if (all.length > 0) await settledWithin(this.#clock, Promise.all(all), KILL_MS);
  }

  async #runHook(hook: ReturnType<RunContext['takeKillHooks']>[number]): Promise<void> {
    try {
      this.#leaks.push(...(await hook()));
    } catch (thrown) {
      this.#leaks.push({ kind: 'kill-hook', detail: toError(thrown).message });
    }
  }
}
