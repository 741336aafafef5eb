import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const START_DEADLINE_MS = 30_000;
const POLL_MS = 20;

/** Where Debian keeps servers that are not in the PATH of ordinary users. */
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/libexec'];

/**
 * Waits until its standard input ends, which happens when this process dies, however it dies; then ends the server
 * and removes its folder.
 */
const GUARD = `cat >/dev/null
pid=$(cat "$0/pid" 2>/dev/null) && kill -9 "$pid" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$0" 2>/dev/null && exit; sleep 0.2; done`;

export interface ServerProgram {
  readonly command: string;
  /** The name it is called by, where that matters. */
  readonly knownAs?: string;
  readonly args: (folder: string, port: number) => readonly string[];
  /** Whether it takes connections. */
  readonly answers: (folder: string, port: number) => Promise<boolean>;
}

/** A server of ours in a new folder, on a free port of loopback that stays its own over restarts. */
export class PrivateServer {
  readonly folder: string;
  readonly port: number;
  readonly #program: ServerProgram;
  readonly #guard: ChildProcess;
  #child: ChildProcess | undefined;

  static async create(name: string, program: ServerProgram): Promise<PrivateServer> {
    const folder = await mkdtemp(join(tmpdir(), `steward-${name}-`));
    return new PrivateServer(folder, await freePort(), program);
  }

  private constructor(folder: string, port: number, program: ServerProgram) {
    this.folder = folder;
    this.port = port;
    this.#program = program;
    this.#guard = spawn('sh', ['-c', GUARD, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.#guard.unref();
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const { command, knownAs, args, answers } = this.#program;
    const argv0 = knownAs ?? command;
    const child = spawn(command, [...args(this.folder, this.port)], {
      argv0,
      stdio: 'ignore',
      detached: true,
    });
    this.#child = child;
    await writeFile(join(this.folder, 'pid'), String(child.pid ?? ''));
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await answers(this.folder, this.port))) {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${this.folder}`);
      if (Date.now() > deadline) throw new Error(`${command} did not answer in time`);
      await pause(POLL_MS);
    }
  }

  /** SIGKILL, as a crash; what it has written stays, and `start` goes on from there. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** SIGSTOP: connections stay, and nothing is answered. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.kill();
    this.#guard.stdin?.end();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** Where a program is; undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...SERVER_FOLDERS];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('there is no free port');
  return address.port;
}
