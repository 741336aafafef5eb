import type { Cli, Input, Sink } from '../../../src/cli/cli.js';
import { runProgram } from '../../../src/cli/program.js';
import { realWorld } from '../../../src/gateways/real/world.js';

export interface MemoryRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MemoryOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly terminal?: { readonly columns: number; readonly rows?: number };
  readonly interrupted?: AbortSignal;
  readonly takeSignals?: Cli['takeSignals'];
  readonly stdin?: Input;
}

/** Runs the command in this process, its output in memory. */
export async function steward(args: readonly string[], options: MemoryOptions = {}): Promise<MemoryRun> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const env = options.env ?? {};
  const cli: Cli = {
    world: realWorld(),
    env,
    stdin: options.stdin ?? memoryInput([]),
    stdout: memorySink(stdout, options.terminal),
    stderr: memorySink(stderr, undefined),
    interrupted: options.interrupted ?? new AbortController().signal,
    takeSignals: options.takeSignals ?? (() => () => {}),
    user: { uid: process.getuid?.() ?? -1, home: '/nonexistent', env, temporary: '/tmp' },
    userName: 'ada lovelace',
  };
  const code = await runProgram(cli, args);
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}

export function memorySink(written: string[], terminal: MemoryOptions['terminal']): Sink {
  return {
    write: (text) => {
      written.push(typeof text === 'string' ? text : Buffer.from(text).toString());
    },
    isTerminal: terminal !== undefined,
    columns: terminal?.columns,
    rows: terminal?.rows,
    onResize: () => () => {},
  };
}

export function memoryInput(chunks: readonly string[], isTerminal = false): Input {
  return {
    isTerminal,
    setRaw: () => {},
    read: async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk);
    },
    close: () => {},
  };
}

/** The lines of a --json run. */
export function jsonLines(text: string): readonly unknown[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}
