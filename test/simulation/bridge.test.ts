import { describe, expect, it } from 'vitest';
import { runBridgeSeed } from './bridge/scenario.js';

/** `npm run sim -- --world bridge --runs 20000` runs many more. */
const SEEDS = 100;
const GROUP = 20;

describe('bridges under random trouble', () => {
  const firsts = Array.from({ length: SEEDS / GROUP }, (_, group) => group * GROUP + 1);

  it.each(firsts)('keep their rules for twenty seeds from %i', async (first) => {
    for (let seed = first; seed < first + GROUP; seed += 1) {
      const { broken } = await runBridgeSeed(seed);
      const again = `see it with: npm run sim -- --world bridge --seed ${seed} --verbose`;
      expect(broken?.message, again).toBeUndefined();
    }
  });

  it('do the same for the same seed, to the last line, and beside others, too', async () => {
    for (const seed of [3, 7]) {
      const one = await runBridgeSeed(seed);
      const [other] = await Promise.all([runBridgeSeed(seed), runBridgeSeed(seed + 1)]);
      expect(other?.lines).toEqual(one.lines);
      expect(other?.fingerprint).toBe(one.fingerprint);
    }
  });
});
