import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commands, tree } from '../supervision/model/arbitraries.js';
import { Model } from '../supervision/model/model.js';
import { runReal } from '../supervision/model/real.js';

/** Long enough for every restart, pause, deadline and kill the scripts can ask for. */
const UNTIL_MS = 200_000;

describe('the supervisor does what the model of OTP says', () => {
  it('on random trees, failures and commands', { timeout: 60_000 }, async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(tree, commands, fc.nat(), async (script, given, seed) => {
        const model = new Model(script, seed, given);
        const expected = model.run(UNTIL_MS);
        fc.pre(!model.kernel.tied);
        expect(await runReal(script, seed, given, UNTIL_MS)).toEqual(expected);
        compared += 1;
      }),
      { numRuns: 2_000, maxSkipsPerRun: 10 },
    );
    expect(compared).toBe(2_000);
  });
});
