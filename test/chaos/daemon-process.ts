import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'vite';
import type { Birth, Said } from './daemon.js';

const ROOT = join(import.meta.dirname, '..', '..');
const START_MS = 60_000;

/** Processes that wait with the daemon's code loaded, so that a start takes a moment only. */
export class DaemonNursery {
  readonly #program: string;
  readonly #waiting: ChildProcess[] = [];

  private constructor(program: string) {
    this.#program = program;
  }

  /** The code is taken as it is now, in one file: it loads faster, and stays the same during the run. */
  static async open(spare: number): Promise<DaemonNursery> {
    const outDir = join(ROOT, 'node_modules', '.cache', `chaos-${process.pid}`);
    await build({
      configFile: false,
      logLevel: 'error',
      root: ROOT,
      build: { ssr: join(import.meta.dirname, 'daemon.ts'), outDir, target: 'node20' },
    });
    const nursery = new DaemonNursery(join(outDir, 'daemon.js'));
    for (let count = 0; count < spare; count += 1) nursery.#waiting.push(nursery.#fork());
    return nursery;
  }

  /** A daemon that serves, or undefined when it died before that. */
  async start(birth: Birth): Promise<DaemonProcess> {
    this.#waiting.push(this.#fork());
    const child = this.#waiting.shift() ?? this.#fork();
    const daemon = new DaemonProcess(child);
    child.send(birth);
    return daemon;
  }

  close(): void {
    for (const child of this.#waiting.splice(0)) child.kill('SIGKILL');
    rmSync(dirname(this.#program), { recursive: true, force: true });
  }

  #fork(): ChildProcess {
    return fork(this.#program, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }
}

export class DaemonProcess {
  /** Resolves with its addresses once it serves, with nothing when it was killed before; rejects when it cannot start. */
  readonly ready: Promise<readonly string[] | undefined>;
  /** Resolves with how it ended. */
  readonly ended: Promise<NodeJS.Signals | number>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.ended = once(child, 'exit').then(([code, signal]) => signal ?? code);
    const overdue = AbortSignal.timeout(START_MS);
    const said = once(child, 'message', { signal: overdue }).then(([message]: Said[]) => {
      if (message === undefined || !('ready' in message))
        throw new Error(message?.failed ?? 'nothing was said');
      return message.ready;
    });
    this.ready = Promise.race([said, this.ended.then(() => undefined)]);
    this.ready.catch(() => undefined);
    said.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  kill(signal: 'SIGKILL' | 'SIGTERM'): void {
    this.#child.kill(signal);
  }
}
