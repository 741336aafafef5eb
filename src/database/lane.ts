import PQueue from 'p-queue';
import { StewardError } from '../errors/steward-error.js';
import type { Database } from './database.js';

export interface LaneBounds {
  /** Whose it is, as a sentence names them. */
  readonly of: string;
  readonly concurrency: number;
  readonly waitingMax: number;
}

/**
 * The same database for some of its users, who take no more than a few connections at the same time: however much they
 * ask for, there are others left. What is beyond waits for its turn, and beyond the bound is refused as `overloaded`.
 */
export function laneOf(database: Database, { of, concurrency, waitingMax }: LaneBounds): Database {
  const queue = new PQueue({ concurrency });
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (queue.size < waitingMax) return queue.add(work);
    throw new StewardError('overloaded', `Too much of ${of} waits for the database.`);
  };
  return {
    dialect: database.dialect,
    read: async (work) => inTurn(() => database.read(work)),
    write: async (work) => inTurn(() => database.write(work)),
    alone: (work) => database.alone(work),
    close: () => database.close(),
  };
}
