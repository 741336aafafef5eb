import { describe, expect, it } from 'vitest';
import { runSeed } from './scenario.js';

describe('a seed', () => {
  it('gives the same run each time, to the last line', async () => {
    for (const seed of [1, 2, 3, 52, 60, 105, 358]) {
      const [one, other] = [await runSeed(seed), await runSeed(seed)];
      expect(other.lines).toEqual(one.lines);
      expect(other.fingerprint).toBe(one.fingerprint);
    }
  });

  it('gives another run than other seeds', async () => {
    const fingerprints = await Promise.all(
      [11, 12, 13].map(async (seed) => (await runSeed(seed)).fingerprint),
    );
    expect(new Set(fingerprints).size).toBe(3);
  });

  it('gives the same run beside others, as when tests run at the same time', async () => {
    const { fingerprint } = await runSeed(7);
    const [beside] = await Promise.all([runSeed(7), runSeed(8), runSeed(9)]);
    expect(beside?.fingerprint).toBe(fingerprint);
  });
});
