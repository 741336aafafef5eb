import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { closeRows } from './bridge/rows.js';
import { runBridgeSeed } from './bridge/scenario.js';
import { runSeed } from './scenario.js';
import { allSeries, runOne, runsOf } from './systematic.js';
import type { Trace } from './trace.js';
import { type Report, spread, spreadHere, workFor } from './workers.js';

/**
 * `npm run sim -- [--seed 1] [--runs 1]` runs seeds one after another, in both worlds or in one of them (`--world content`,
 * `--world bridge`); `npm run sim -- --systematic` every scene of content with every disturbance at each of its operations. All use as many processes as the machine has cores (`--processes N`).
 * What breaks a promise is told with the command that shows it again; `--verbose` prints every step.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    world: { type: 'string' },
    systematic: { type: 'boolean', default: false },
    /** One run of these: which scene, which disturbance, at which operation. */
    scene: { type: 'string' },
    disturbance: { type: 'string', default: 'a kill' },
    operation: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    processes: { type: 'string' },
    /** Of a process that was started by another one. */
    worker: { type: 'boolean', default: false },
  },
});

/** Seeds that are worth another process, and how many are given to it at a time. */
const SEEDS_EACH = 50;
const SEEDS_AT_ONCE = 5;

// To collect where each refused operation came from would take a tenth of the time.
if (!values.verbose) Error.stackTraceLimit = 0;

/** How a seed is run in each world. */
const WORLDS: Readonly<Record<string, (seed: number) => Promise<Trace>>> = {
  content: runSeed,
  bridge: runBridgeSeed,
};
const worlds = Object.keys(WORLDS).filter((world) => (values.world ?? world) === world);
if (worlds.length === 0) throw new Error(`--world is one of ${Object.keys(WORLDS).join(', ')}`);

const [first, runs] = [Number(values.seed), Number(values.runs)];
const series = values.systematic ? allSeries() : [];
const { jobs, run, unit } = values.systematic
  ? { jobs: series.length, run: runSeries, unit: 'scenes with a disturbance' }
  : {
      jobs: worlds.length * Math.ceil(runs / SEEDS_AT_ONCE),
      run: runSeeds,
      unit: `lots of ${SEEDS_AT_ONCE} seeds`,
    };

if (values.worker) {
  workFor(run);
  process.once('disconnect', () => void closeRows());
} else if (values.scene !== undefined) await runScene(values.scene);
else process.exitCode = (await runAll()) ? 0 : 1;

if (!values.worker) await closeRows();

async function runAll(): Promise<boolean> {
  const cores = Number(values.processes ?? availableParallelism());
  const processes = Math.min(
    cores,
    values.systematic ? jobs : Math.ceil((worlds.length * runs) / SEEDS_EACH),
  );
  if (values.verbose || processes <= 1) return spreadHere(jobs, unit, run);
  return spread({ jobs, processes, unit, args: [...process.argv.slice(2), '--worker'] });
}

async function runSeeds(job: number): Promise<Report> {
  const world = worlds[job % worlds.length] ?? '';
  const from = first + Math.floor(job / worlds.length) * SEEDS_AT_ONCE;
  const to = Math.min(from + SEEDS_AT_ONCE, first + runs);
  const broken: string[] = [];
  for (let seed = from; seed < to; seed += 1) {
    const done = await WORLDS[world]?.(seed);
    if (done === undefined) continue;
    show(done);
    if (done.broken === undefined) continue;
    broken.push(textOf(`seed ${seed} (${world})`, done, `--world ${world} --seed ${seed}`));
  }
  return { runs: to - from, broken };
}

async function runSeries(job: number): Promise<Report> {
  const broken: string[] = [];
  let count = 0;
  const one = series[job];
  if (one === undefined) return { runs: 0, broken };
  const { scene, disturbance } = one;
  for await (const { operation, run: done } of runsOf(one)) {
    count += 1;
    if (done.broken === undefined) continue;
    const again = `--scene '${scene}' --disturbance '${disturbance}' --operation ${operation}`;
    broken.push(textOf(`${scene}, ${disturbance} at operation ${operation}`, done, again));
  }
  return { runs: count, broken };
}

async function runScene(scene: string): Promise<void> {
  const done = await runOne(scene, values.disturbance, Number(values.operation));
  show(done);
  process.stdout.write(`${done.broken?.message ?? 'every promise was kept'}\n`);
  process.exitCode = done.broken === undefined ? 0 : 1;
}

function show({ lines }: Trace): void {
  if (values.verbose) process.stdout.write(`${lines.join('\n')}\n`);
}

function textOf(what: string, { broken, lines }: Trace, again: string): string {
  const steps = values.verbose || values.systematic || runs > 1 ? [] : lines;
  return [`${what}: ${broken?.message}`, ...steps, `again: npm run sim -- ${again} --verbose`].join('\n');
}
