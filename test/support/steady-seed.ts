import fc from 'fast-check';

/**
 * The same code gets the same answer from every property, so that a change is judged by what it changed and a failure
 * is seen again. `STEWARD_SEED=random`, or a number of 32 bits, explores other cases; the seed is told with each failure.
 */
const STEADY_SEED = 20_261_122;

const wanted = process.env['STEWARD_SEED'];
if (wanted !== 'random') {
  const seed = Number(wanted ?? STEADY_SEED);
  if (!Number.isInteger(seed))
    throw new Error(`STEWARD_SEED is neither "random" nor a whole number: ${wanted}`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
