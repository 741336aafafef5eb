import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { secretsFolder } from '../../../src/config/state-folder.js';

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts');
const node = [process.execPath, '--import', import.meta.resolve('tsx'), main];
const RUN_MS = 50_000;

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command in processes of its own, over a state folder that only this test uses. */
export class RealSystem {
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;
  #up: ChildProcess | undefined;

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.#env = env;
  }

  static async create(): Promise<RealSystem> {
    const folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
    // As root the command of a workspace runs as somebody else, who has to get through.
    await chmod(folder, 0o711);
    const bin = join(folder, 'bin');
    await mkdir(bin);
    const words = node.map((word) => `'${word}'`).join(' ');
    await writeFile(join(bin, 'steward'), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
    const { PATH = '/usr/bin:/bin' } = process.env;
    const env = { ...process.env, PATH: `${bin}:${PATH}`, STEWARD_STATE: join(folder, 'state') };
    return new RealSystem(folder, env);
  }

  get stateFolder(): string {
    return join(this.folder, 'state');
  }

  /** `steward up`; answers its ready line, or how it ended instead. */
  async up(): Promise<{ readonly ready: unknown } | { readonly ended: number | null }> {
    const child = spawn('steward', ['up', '--json', '--log-level', 'error'], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = exitOf(child);
    for await (const line of createInterface({ input: child.stdout })) {
      this.#up ??= child;
      child.stdout.resume();
      return { ready: JSON.parse(line) };
    }
    return { ended: await ended };
  }

  /** Ends `steward up` and answers its exit code; null when the signal ended it. */
  async down(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#up;
    if (child === undefined) throw new Error('the system does not run');
    this.#up = undefined;
    const ended = exitOf(child);
    child.kill(signal);
    return ended;
  }

  steward(...args: readonly string[]): Promise<Finished> {
    return this.#run('steward', args);
  }

  /** Runs lines of sh that stop at the first failure. */
  shell(script: string): Promise<Finished> {
    return this.#run('sh', ['-eu', '-c', script]);
  }

  /** Stops what runs and removes everything. */
  async remove(): Promise<void> {
    if (this.#up !== undefined) {
      await this.#stopAll();
      await this.down('SIGTERM');
    }
    const user = { uid: process.getuid?.() ?? -1, home: homedir(), env: process.env, temporary: tmpdir() };
    for (const isShared of [true, false]) {
      await rm(secretsFolder(user, this.stateFolder, isShared), { recursive: true, force: true });
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Commands of workspaces outlive the system, which is what they are for, but not this test. */
  async #stopAll(): Promise<void> {
    const { stdout } = await this.steward('list', '--json');
    for (const [, id] of stdout.matchAll(/^\{"id":"([^"]+)".*"phase":"(?!STOPPED)/gm)) {
      if (id !== undefined) await this.steward('stop', id, '--abort', '--wait');
    }
  }

  #run(program: string, args: readonly string[]): Promise<Finished> {
    const options = { env: this.#env, cwd: this.folder, timeout: RUN_MS };
    return new Promise((resolve) => {
      const child = execFile(program, args, options, (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr });
      });
    });
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
}
