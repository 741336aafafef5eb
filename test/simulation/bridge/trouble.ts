import type { SeededRandom } from '../../../src/gateways/simulated/random.js';
import { type FaultRates, NO_FAULTS } from './settings.js';

export type WriteFault = 'refused' | 'rolled-back' | 'unanswered' | 'late';
export type PublishFault = 'refused' | 'unanswered';
export type MessageFault = 'lost' | 'twice' | 'late';
export type CallFault = 'fails' | 'hangs';

/** One answer in so many is a slow one. */
const SLOW_SHARE = 0.2;
const FAST_MS = 3;

/** Decides by chance what goes wrong between a bridge and everything around it. */
export class BridgeTrouble {
  rates: FaultRates = NO_FAULTS;
  database: 'well' | 'reads only' | 'away' = 'well';
  isRedisAway = false;
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Everything is well from here on. */
  end(): void {
    this.rates = NO_FAULTS;
    this.database = 'well';
    this.isRedisAway = false;
  }

  /** How long the next thing takes one way, in milliseconds. */
  latencyMs(): number {
    const isSlow = this.#random.isHit(SLOW_SHARE);
    return this.#random.integer(0, isSlow ? this.rates.slowestMs : Math.min(FAST_MS, this.rates.slowestMs));
  }

  read(): 'refused' | undefined {
    return this.database === 'away' || this.#random.isHit(this.rates.readFails) ? 'refused' : undefined;
  }

  write(): WriteFault | undefined {
    const { writeRefused, writeRolledBack, writeUnanswered, writeLate } = this.rates;
    if (this.database !== 'well' || this.#random.isHit(writeRefused)) return 'refused';
    if (this.#random.isHit(writeRolledBack)) return 'rolled-back';
    if (this.#random.isHit(writeUnanswered)) return 'unanswered';
    return this.#random.isHit(writeLate) ? 'late' : undefined;
  }

  publish(): PublishFault | undefined {
    if (this.isRedisAway || this.#random.isHit(this.rates.publishRefused)) return 'refused';
    return this.#random.isHit(this.rates.publishUnanswered) ? 'unanswered' : undefined;
  }

  message(): MessageFault | undefined {
    if (this.#random.isHit(this.rates.messageLost)) return 'lost';
    if (this.#random.isHit(this.rates.messageTwice)) return 'twice';
    return this.#random.isHit(this.rates.messageLate) ? 'late' : undefined;
  }

  call(): CallFault | undefined {
    if (this.#random.isHit(this.rates.callFails)) return 'fails';
    return this.#random.isHit(this.rates.callHangs) ? 'hangs' : undefined;
  }

  /** How long what comes late comes late. */
  delayMs(): number {
    return this.#random.integer(1, this.#random.isHit(0.2) ? 5_000 : 300);
  }

  isHit(probability: number): boolean {
    return this.#random.isHit(probability);
  }
}
