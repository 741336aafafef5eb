import { parseArgs } from 'node:util';
import type { Run } from './run.js';
import { runSeed } from './scenario.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});

const [first, runs] = [Number(values.seed), Number(values.runs)];
let broken = 0;
for (let seed = first; seed < first + runs; seed += 1) {
  const run = await runSeed(seed);
  if (values.verbose) process.stdout.write(`${run.lines.join('\n')}\n`);
  if (run.broken === undefined) continue;
  broken += 1;
  process.stdout.write(`${report(run, values.verbose)}\n`);
}
process.stdout.write(`${runs} seeds from ${first}, ${broken} broke a promise\n`);
process.exitCode = broken === 0 ? 0 : 1;

function report(run: Run, isVerbose: boolean): string {
  const { broken: promise, seed, lines } = run;
  const steps = isVerbose || runs > 1 ? [] : lines;
  return [
    `seed ${seed}: ${promise?.message}`,
    ...steps,
    `again: npm run sim -- --seed ${seed} --verbose`,
  ].join('\n');
}
