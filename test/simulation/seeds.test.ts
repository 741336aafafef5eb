import { describe, expect, it } from 'vitest';
import { runSeed } from './scenario.js';

const SEEDS_MAX = 1_000;
const GROUP = 100;

describe('a daemon under random trouble', () => {
  const firsts = Array.from({ length: SEEDS_MAX / GROUP }, (_, group) => group * GROUP + 1);

  it.each(firsts)('keeps every promise for the hundred seeds from %i', async (first) => {
    for (let seed = first; seed < first + GROUP; seed += 1) {
      const { broken } = await runSeed(seed);
      expect(broken?.message, `see it with: npm run sim -- --seed ${seed} --verbose`).toBeUndefined();
    }
  });
});
