import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { say } from './say.js';

const bin = join(import.meta.dirname, '..', '..', 'bin', 'steward.js');
const built = join(import.meta.dirname, '..', '..', 'dist', 'src', 'cli', 'main.js');
const READY_MS = 20_000;
const STOP_MS = 15_000;
const VERB_MS = 50_000;

export interface System {
  readonly pid: number;
  readonly addresses: { readonly daemon: string; readonly manager: string; readonly bridge: string };
  /** Runs a verb as a user would, output and progress on the terminal; throws when it does not exit with 0. */
  steward(...args: string[]): Promise<void>;
  /** Drains and ends it; throws when it does not exit with 0. */
  stop(): Promise<void>;
}

/** Starts `steward up` as the user would have it: the built command, in a process of its own. */
export async function startSystem(stateFolder: string): Promise<System> {
  if (!existsSync(built)) throw new Error('the command is not built yet: run `npm ci`, or `npm run build`');
  const args = ['--state', stateFolder, 'up', '--json', '--log-level', 'warn'];
  // A group of its own, so that a Ctrl-C reaches the demo first, which then stops the system in order.
  const child = spawn(process.execPath, [bin, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: { ...process.env, STEWARD_DAEMON_GIT_ALLOW_HTTP: 'true' },
  });
  const ready = await readyLine(child);
  return {
    pid: ready.pid,
    addresses: ready.addresses,
    steward: (...verb) => runVerb(stateFolder, verb),
    stop: () => stop(child),
  };
}

interface Ready {
  readonly pid: number;
  readonly addresses: System['addresses'];
}

async function readyLine(child: ChildProcess): Promise<Ready> {
  if (child.stdout === null) throw new Error('the output of the system cannot be read');
  const lines = createInterface({ input: child.stdout });
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS);
  try {
    for await (const line of lines) return JSON.parse(line);
  } finally {
    clearTimeout(timer);
    child.stdout.resume();
  }
  throw new Error('the system ended, or took too long, before it was ready; its messages are above');
}

async function runVerb(stateFolder: string, verb: readonly string[]): Promise<void> {
  say.command(`steward ${verb.map((word) => (/^[\w./:@=-]+$/.test(word) ? word : `'${word}'`)).join(' ')}`);
  const child = spawn(process.execPath, [bin, '--state', stateFolder, ...verb], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: VERB_MS,
  });
  const code = await ended(child);
  if (code !== 0) throw new Error(`steward ${verb[0]} ended with exit code ${code}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`the system had ended by itself, exit code ${child.exitCode}`);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  const over = ended(child);
  child.kill('SIGTERM');
  const code = await over;
  clearTimeout(timer);
  if (code !== 0)
    throw new Error(`the system ended with ${code ?? 'SIGKILL, because it did not stop in time'}`);
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
}
