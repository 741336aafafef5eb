import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const STEWARD = join(import.meta.dirname, '..', '..', 'bin', 'steward.js');

const LAST_LINES = 4;
const LINE_LENGTH_MAX = 400;

export type ProgramName = 'daemon' | 'manager' | 'bridge';

/** One of the three programs, as `steward daemon` and so on run it, in a process that can be killed at any moment. */
export class Program {
  readonly name: ProgramName;
  readonly #args: readonly string[];
  readonly #errors: string[] = [];
  #process: ChildProcess | undefined;

  constructor(name: ProgramName, stateFolder: string, configFile: string | undefined) {
    this.name = name;
    const config = configFile === undefined ? [] : ['--config', configFile];
    this.#args = [STEWARD, '--json', '--state', stateFolder, name, ...config];
  }

  /** What it said last on its standard error. */
  get lastWords(): string {
    return this.#errors
      .slice(-LAST_LINES)
      .map((line) => line.slice(0, LINE_LENGTH_MAX))
      .join('\n');
  }

  /** Resolves when it says that it is ready; rejects when it ends before, unless it was killed. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [...this.#args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    createInterface(child.stderr).on('line', (line) => this.#errors.push(line));
    const ready = new Promise<void>((resolve) => {
      createInterface(child.stdout).on('line', (line) => {
        if (line.includes('"ready":true') || line.includes('"ready": true')) resolve();
      });
    });
    const ended = once(child, 'exit').then(([code, signal]) => {
      if (signal !== 'SIGKILL')
        throw new Error(`the ${this.name} ended with ${code ?? signal}:\n${this.lastWords}`);
    });
    await Promise.race([ready, ended]);
    ended.catch(() => undefined);
  }

  /** True when it ended by itself before. */
  get hasEnded(): boolean {
    return this.#process !== undefined && (this.#process.exitCode ?? this.#process.signalCode) !== null;
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
