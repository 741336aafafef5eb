import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { secretsFolder } from '../../../src/config/state-folder.js';

const root = join(import.meta.dirname, '..', '..', '..');
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
  #ready: unknown;

  private constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.#env = env;
  }

  /** `also`: variables of its environment. */
  static async create(also: Readonly<Record<string, string>> = {}): Promise<RealSystem> {
    const folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
    // As root the command of a workspace runs as somebody else, who has to get through.
    await chmod(folder, 0o711);
    const bin = join(folder, 'bin');
    await mkdir(bin);
    const words = (await commandWords()).map((word) => `'${word}'`).join(' ');
    await writeFile(join(bin, 'steward'), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
    const { PATH = '/usr/bin:/bin' } = process.env;
    const env = { ...process.env, ...also, PATH: `${bin}:${PATH}`, STEWARD_STATE: join(folder, 'state') };
    return new RealSystem(folder, env);
  }

  get stateFolder(): string {
    return join(this.folder, 'state');
  }

  /** What the last `steward up` said when it was ready. */
  get ready(): unknown {
    return this.#ready;
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
      this.#ready = JSON.parse(line);
      return { ready: this.#ready };
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
      if (id !== undefined) await this.steward('stop', id, '--abort', '--yes', '--wait');
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

/** What `npm ci` or `npm run build` made, where no source is newer: it starts three times as fast as the sources. */
async function commandWords(): Promise<readonly string[]> {
  const built = join(root, 'bin', 'steward.js');
  const sources = await Promise.all(['src', 'machines'].map((folder) => newestIn(join(root, folder))));
  const builtAt = await stat(join(root, 'dist', 'src', 'cli', 'main.js')).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (builtAt > Math.max(...sources)) return [process.execPath, built];
  return [process.execPath, '--import', import.meta.resolve('tsx'), join(root, 'src', 'cli', 'main.ts')];
}

async function newestIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const times = files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).mtimeMs);
  return Math.max(...(await Promise.all(times)));
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
}
