import { randomBytes, randomUUID } from 'node:crypto';
import type { Random } from '../random.js';

/** The operating system's randomness. */
export class RealRandom implements Random {
  fraction(): number {
    return Math.random();
  }

  uuid(): string {
    return randomUUID();
  }

  bytes(count: number): Uint8Array {
    return randomBytes(count);
  }
}
