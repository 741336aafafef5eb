import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Garbage counts for nobody: a signal has it collected. */
const COLLECTING = ['--expose-gc', '--import', 'data:text/javascript,process.on("SIGUSR2",()=>gc())'];
/** Memory that was given up goes back to the system a little later. */
const COLLECT_MS = 500;
/** What a kernel takes for it (proc(5), clear_refs). */
const FORGET_PEAK = '5';
/** Of a kernel's clock tick, which /proc counts in. */
const TICKS_PER_SECOND = 100;

/** One of our programs as users run it, from what `npm run build` made, in a process of its own; resolves when it is ready. */
export async function startProgram(...args: readonly string[]) {
  const child = startProcess(
    [...COLLECTING, join(import.meta.dirname, '../bin/steward.js'), ...args],
    'READY=1',
  );
  await child.said;
  const { pid } = child;
  return {
    pid,
    /** Resident bytes without garbage. */
    settled: async () => {
      for (let time = 0; time < 3; time += 1) {
        process.kill(pid, 'SIGUSR2');
        await wait(COLLECT_MS);
      }
      return memoryOf(pid, 'VmRSS');
    },
    /** Most resident bytes since it was started, or since that was forgotten. */
    peak: () => memoryOf(pid, 'VmHWM'),
    forgetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, FORGET_PEAK),
    /** What it has used since it was started. */
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    stop: async () => {
      process.kill(pid, 'SIGTERM');
      await child.stop();
    },
  };
}

/** A TypeScript program of the bench that says one line when it is ready and ends when its input does. */
export function startChild(program: string, ...args: readonly string[]) {
  return startProcess(['--expose-gc', '--import', 'tsx', join(import.meta.dirname, program), ...args], '\n');
}

/** `said`: the first line, once `sign` was in what it says. */
function startProcess(args: readonly string[], sign: string) {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const said = new Promise<string>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (output.includes(sign)) resolve(output.split('\n')[0] ?? '');
    });
    child.once('close', (code) => reject(new Error(`${args.join(' ')} ended with ${code}`)));
  });
  return {
    pid: child.pid ?? 0,
    said,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

export function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
