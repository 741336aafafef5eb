import type { FileErrorCode } from '../file-error.js';
import type { Files } from '../files.js';
import type { SeededRandom } from './random.js';

/** Operations that can fail: those of `Files`, and the steps of its streams. */
export type FaultyOperation = keyof Files | 'readChunk' | 'writeChunk' | 'finish';

export interface FileFault {
  /** The operation fails with this; absent: it succeeds. */
  readonly code?: FileErrorCode;
  /** The operation has taken effect although it fails, as when the answer of a disk is lost. */
  readonly isDoneAnyway?: boolean;
  /** How much longer it takes. */
  readonly latencyMs?: number;
  /** It never takes effect and nobody ever hears of it, as of a disk that does not answer. */
  readonly isEndless?: boolean;
}

/** Asked before every operation. */
export interface FileFaults {
  at(operation: FaultyOperation, path: string): FileFault | undefined;
}

export interface FileFaultRule extends FileFault {
  /** Absent: any. */
  readonly operations?: readonly FaultyOperation[];
  /** Absent: any. */
  readonly path?: RegExp;
  /** 0 to 1. */
  readonly probability: number;
}

export const noFileFaults: FileFaults = { at: () => undefined };

/** The first rule that matches and hits decides. */
export function seededFileFaults(random: SeededRandom, rules: readonly FileFaultRule[]): FileFaults {
  return {
    at: (operation, path) =>
      rules.find(
        (rule) =>
          (rule.operations?.includes(operation) ?? true) &&
          (rule.path?.test(path) ?? true) &&
          random.isHit(rule.probability),
      ),
  };
}

/** Fails the n-th operation, counted from 1; `count` tells how many there have been. */
export function failNth(n: number, fault: FileFault): FileFaults & { readonly count: number } {
  let count = 0;
  return {
    at() {
      count += 1;
      return count === n ? fault : undefined;
    },
    get count() {
      return count;
    },
  };
}
