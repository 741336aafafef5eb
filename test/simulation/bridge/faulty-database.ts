import type { Knex } from 'knex';
import type { Database } from '../../../src/database/database.js';
import type { Dialect } from '../../../src/database/dialect.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import type { SimulatedClock } from '../../../src/gateways/simulated/clock.js';
import type { LifeClock } from './life-clock.js';
import { tellTime } from './rows.js';
import type { BridgeTrouble } from './trouble.js';

type Work<Result> = (transaction: Knex.Transaction) => Promise<Result>;

/** Where the database's clock begins, which nobody sets. */
const EPOCH_MS = Date.UTC(2030, 0, 1);

export interface DatabaseOptions {
  readonly rows: Database;
  readonly dialect: Dialect;
  readonly clock: LifeClock;
  readonly time: SimulatedClock;
  readonly skewMs: number;
  readonly trouble: BridgeTrouble;
  /** A statement or transaction begins, or its answer is on its way. */
  readonly operate: (name: string) => void;
  /** The last thing in a transaction of the bridge that will be committed. */
  readonly committing: (transaction: Knex.Transaction) => Promise<void>;
}

/** The database as one bridge reaches it: over a network, on a server that may do anything a server does. */
export class FaultyDatabase implements Database {
  readonly dialect: Dialect;
  readonly #options: DatabaseOptions;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.dialect = options.dialect;
  }

  async read<Result>(work: (connection: Knex) => Promise<Result>): Promise<Result> {
    const { rows, clock, trouble, operate } = this.#options;
    operate('read');
    await clock.pass(trouble.latencyMs());
    if (trouble.read() === 'refused') throw lost();
    return this.#answered(
      rows.read(async (connection) => {
        await this.#tellTime(connection);
        return work(connection);
      }),
    );
  }

  async write<Result>(work: Work<Result>): Promise<Result> {
    const { clock, trouble, operate } = this.#options;
    operate('write');
    await clock.pass(trouble.latencyMs());
    const fault = trouble.write();
    if (fault === 'refused') throw lost();
    if (fault === 'late') return this.#commitLate(work);
    const commit = this.#commit(work, async () => {
      if (fault === 'rolled-back') throw new StewardError('unavailable', 'Deadlock found.');
    });
    const result = await this.#answered(commit);
    if (fault === 'unanswered') throw lost();
    return result;
  }

  alone<Result>(work: Work<Result>): Promise<Result> {
    return this.write(work);
  }

  async close(): Promise<void> {
    await this.#options.clock.pass(0);
  }

  /** What it was answered, when that has come. */
  async #answered<Result>(working: Promise<Result>): Promise<Result> {
    const { clock, trouble, operate } = this.#options;
    const isDone = await working.then(
      () => true,
      () => false,
    );
    operate(isDone ? 'done' : 'refused');
    await clock.pass(trouble.latencyMs());
    return working;
  }

  /** Its caller hears that the connection was lost, and the server goes on with it. */
  #commitLate<Result>(work: Work<Result>): Promise<Result> {
    const { time, trouble, clock } = this.#options;
    return new Promise((_, reject) => {
      const beforeCommit = () => {
        clock.deliver(0, () => reject(lost()));
        return new Promise<void>((resolve) => time.schedule(time.now() + trouble.delayMs(), resolve));
      };
      this.#commit(work, beforeCommit).catch((error: unknown) => {
        clock.deliver(0, () => reject(error));
      });
    });
  }

  #commit<Result>(work: Work<Result>, beforeCommit: () => Promise<void>): Promise<Result> {
    const { rows, clock, committing } = this.#options;
    return rows.write(async (transaction) => {
      // The server ends the transaction of a client that says nothing any more.
      if (clock.isDead || clock.isStopped) throw lost();
      await this.#tellTime(transaction);
      const result = await work(transaction);
      await beforeCommit();
      await committing(transaction);
      return result;
    });
  }

  async #tellTime(connection: Knex): Promise<void> {
    const { time, skewMs } = this.#options;
    await tellTime(connection, EPOCH_MS + time.monotonic() + skewMs);
  }
}

function lost(): StewardError {
  return new StewardError('unavailable', 'The connection was lost.');
}
