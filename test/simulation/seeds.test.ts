import { describe, expect, it } from 'vitest';
import { runSeed } from './scenario.js';

/** `npm run sim -- --runs 20000` runs many more. */
const SEEDS = 200;
const GROUP = 40;

describe('a daemon under random trouble', () => {
  const firsts = Array.from({ length: SEEDS / GROUP }, (_, group) => group * GROUP + 1);

  it.each(firsts)('keeps every promise for forty seeds from %i', async (first) => {
    for (let seed = first; seed < first + GROUP; seed += 1) {
      const { broken } = await runSeed(seed);
      expect(broken?.message, `see it with: npm run sim -- --seed ${seed} --verbose`).toBeUndefined();
    }
  });
});
