import { type ChildProcess, fork } from 'node:child_process';

/** What came of one job. */
export interface Report {
  /** How many runs it was. */
  readonly runs: number;
  /** A text for each that broke a promise. */
  readonly broken: readonly string[];
}

const PROGRESS_MS = 10_000;

export interface Spread {
  readonly jobs: number;
  readonly processes: number;
  /** Of a process, so that it knows that it is to wait for jobs. */
  readonly args: readonly string[];
  readonly unit: string;
}

/** Gives jobs, by their numbers, to processes as these become free, and tells how it goes; false when any broke. */
export async function spread({ jobs, processes, args, unit }: Spread): Promise<boolean> {
  const counts = new Counts(unit, jobs);
  let next = 0;
  const feed = (child: ChildProcess) => {
    if (next < jobs) child.send(next);
    else child.disconnect();
    next += 1;
  };
  const work = async () => {
    const child = fork(process.argv[1] ?? '', args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let job = next;
    feed(child);
    child.on('message', (report: Report) => {
      counts.take(report);
      job = next;
      feed(child);
    });
    const code = await new Promise((resolve) =>
      child.once('exit', (left, signal) => resolve(left ?? signal)),
    );
    if (code !== 0)
      counts.take({ runs: 0, broken: [`a process ended with ${code} in job ${job} of ${jobs}`] });
  };
  await Promise.all(Array.from({ length: processes }, work));
  return counts.close();
}

/** The same without processes. */
export async function spreadHere(
  jobs: number,
  unit: string,
  run: (job: number) => Promise<Report>,
): Promise<boolean> {
  const counts = new Counts(unit, jobs);
  for (let job = 0; job < jobs; job += 1) counts.take(await run(job));
  return counts.close();
}

/** Runs the jobs that the process above gives, until it gives no more. */
export function workFor(run: (job: number) => Promise<Report>): void {
  process.on('message', (job: number) => {
    void run(job).then((report) => process.send?.(report));
  });
}

class Counts {
  readonly #unit: string;
  readonly #jobs: number;
  readonly #startedAt = Date.now();
  #toldAt = Date.now();
  #done = 0;
  #runs = 0;
  #broken = 0;

  constructor(unit: string, jobs: number) {
    this.#unit = unit;
    this.#jobs = jobs;
  }

  take({ runs, broken }: Report): void {
    this.#done += 1;
    this.#runs += runs;
    this.#broken += broken.length;
    for (const text of broken) process.stdout.write(`${text}\n`);
    if (Date.now() - this.#toldAt < PROGRESS_MS) return;
    this.#toldAt = Date.now();
    const left = ((Date.now() - this.#startedAt) / this.#done) * (this.#jobs - this.#done);
    this.#tell(`${this.#done} of ${this.#jobs} ${this.#unit}, about ${Math.ceil(left / 1000)} s left: `);
  }

  close(): boolean {
    this.#tell(`${this.#done} ${this.#unit}: `);
    return this.#broken === 0 && this.#done === this.#jobs;
  }

  #tell(before: string): void {
    const rate = ((this.#runs * 1000) / (Date.now() - this.#startedAt)).toFixed(1);
    process.stdout.write(`${before}${this.#broken} broke a promise, ${rate} runs a second\n`);
  }
}
