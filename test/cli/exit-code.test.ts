import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { EXIT_MEANINGS, exitCodeOf } from '../../src/cli/exit-code.js';
import { steward } from './support/memory-cli.js';

/** By hand: scripts depend on these numbers. */
const expected: Readonly<Record<keyof typeof status, number>> = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 1,
  INVALID_ARGUMENT: 2,
  DEADLINE_EXCEEDED: 6,
  NOT_FOUND: 3,
  ALREADY_EXISTS: 4,
  PERMISSION_DENIED: 9,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 4,
  ABORTED: 4,
  OUT_OF_RANGE: 2,
  UNIMPLEMENTED: 10,
  INTERNAL: 1,
  UNAVAILABLE: 5,
  DATA_LOSS: 7,
  UNAUTHENTICATED: 9,
};

describe('exit codes', () => {
  it.each(Object.entries(expected))('%s is %d', (name, code) => {
    expect(exitCodeOf(status[name as keyof typeof status])).toBe(code);
  });

  it('are all explained in --help', async () => {
    const { stdout, code } = await steward(['--help']);
    expect(code).toBe(0);
    for (const each of [...new Set(Object.values(expected)), 130]) {
      const meaning = EXIT_MEANINGS.find((entry) => entry.code === each)?.meaning;
      expect(stdout).toContain(`${each}  ${meaning}`);
    }
  });
});
