import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Run } from './run.js';
import { runSeed } from './scenario.js';

/**
 * `npm run sim -- [--seed 1] [--runs 1] [--verbose] [--processes N]`: runs seeds one after another, over as many
 * processes as the machine has cores. A seed that breaks a promise is told with the command that shows it again.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    processes: { type: 'string' },
    /** Of a process that was started by another one: it runs every so many-th seed. */
    stride: { type: 'string' },
  },
});

/** Seeds one process is worth. */
const SEEDS_EACH = 50;
const PROGRESS_MS = 10_000;

const [first, runs] = [Number(values.seed), Number(values.runs)];
if (values.stride !== undefined) await runHere(Number(values.stride), (report) => process.send?.(report));
else await runAll();

/** What a process tells of one seed. */
interface Report {
  readonly seed: number;
  /** Absent: every promise was kept. */
  readonly broken?: string;
}

async function runHere(stride: number, tell: (report: Report) => void): Promise<void> {
  for (let seed = first; seed < first + runs; seed += stride) {
    const run = await runSeed(seed);
    if (values.verbose) process.stdout.write(`${run.lines.join('\n')}\n`);
    tell(run.broken === undefined ? { seed } : { seed, broken: textOf(run) });
  }
}

async function runAll(): Promise<void> {
  const startedAt = Date.now();
  let [done, broken, toldAt] = [0, 0, startedAt];
  const rate = () => ((done * 1000) / (Date.now() - startedAt)).toFixed(1);
  const take = (report: Report) => {
    done += 1;
    if (report.broken !== undefined) {
      broken += 1;
      process.stdout.write(`${report.broken}\n`);
    }
    if (Date.now() - toldAt < PROGRESS_MS) return;
    toldAt = Date.now();
    process.stdout.write(`${done} of ${runs} seeds, ${broken} broken, ${rate()} seeds a second\n`);
  };
  const cores = Number(values.processes ?? availableParallelism());
  const processes = values.verbose ? 1 : Math.min(cores, Math.ceil(runs / SEEDS_EACH));
  if (processes <= 1) await runHere(1, take);
  else
    await Promise.all(Array.from({ length: processes }, (_, index) => runElsewhere(index, processes, take)));
  process.stdout.write(`${done} seeds from ${first}, ${broken} broke a promise, ${rate()} seeds a second\n`);
  process.exitCode = broken === 0 && done === runs ? 0 : 1;
}

/** Every seed that is `index` more than a multiple of `stride` away from the first. */
async function runElsewhere(index: number, stride: number, take: (report: Report) => void): Promise<void> {
  const args = ['--seed', String(first + index), '--runs', String(runs - index), '--stride', String(stride)];
  const child = fork(process.argv[1] ?? '', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.on('message', (report: Report) => take(report));
  await ended(child);
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

function textOf({ broken, seed, lines }: Run): string {
  const steps = values.verbose || runs > 1 ? [] : lines;
  return [
    `seed ${seed}: ${broken?.message}`,
    ...steps,
    `again: npm run sim -- --seed ${seed} --verbose`,
  ].join('\n');
}
