import { readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type InstanceId, isInstanceId } from '../../../machines/ids.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import type { World } from '../../../src/gateways/world.js';
import { LocalRuntime, type LocalRuntimeOptions } from '../../../src/runtime/local/local-runtime.js';
import type { LogOptions, LogPiece } from '../../../src/runtime/log.js';
import type { RunRequest, RunState } from '../../../src/runtime/workspace-runtime.js';

export const world = realWorld();
export const isRoot = process.getuid?.() === 0;
export const PATH = '/usr/local/bin:/usr/bin:/bin';
export const instance = id('run-1');
export const never = new AbortController().signal;
/** Who workspaces belong to: somebody else when we may choose. */
export const owner = isRoot ? { uid: 33333, gid: 33333 } : undefined;

export function id(text: string): InstanceId {
  if (!isInstanceId(text)) throw new Error(text);
  return text;
}

/** A folder for the runs and the content of one test. */
export class Place {
  readonly root: string;
  readonly content: string;
  readonly #options: Partial<LocalRuntimeOptions>;
  readonly runtime: LocalRuntime;
  readonly started = new Set<InstanceId>();

  private constructor(root: string, options: Partial<LocalRuntimeOptions>) {
    this.root = root;
    this.content = join(root, 'content');
    this.#options = options;
    this.runtime = this.another();
  }

  static async make(options: Partial<LocalRuntimeOptions> = {}): Promise<Place> {
    const root = await mkdtemp(join(tmpdir(), 'runtime-'));
    await chmod(root, 0o711);
    const place = new Place(root, options);
    await mkdir(place.content);
    const { owner } = options;
    if (owner !== undefined) await chown(place.content, owner.uid, owner.gid);
    return place;
  }

  /** The runtime as a restarted program has it. */
  another(options: Partial<LocalRuntimeOptions> = {}, of: World = world): LocalRuntime {
    const folders = { runs: join(this.root, 'runs'), logs: join(this.root, 'logs') };
    return new LocalRuntime(of, { owner: undefined, ...folders, ...this.#options, ...options });
  }

  async start(
    script: string,
    more: Partial<RunRequest> = {},
    runtime: LocalRuntime = this.runtime,
  ): Promise<RunState> {
    const { instance: name = instance, env, ...rest } = more;
    this.started.add(name);
    return runtime.start(
      {
        instance: name,
        work: { kind: 'command', command: ['/bin/sh', '-c', script] },
        env: { PATH, ...env },
        contentFolder: this.content,
        location: '',
        git: { name: '', email: '' },
        sshKeys: [],
        ...rest,
      },
      never,
    );
  }

  /** All of the log so far, as text. */
  async log(options: Partial<LogOptions> = {}): Promise<string> {
    const pieces = await this.pieces(options);
    return Buffer.concat(pieces.map(({ data }) => data)).toString();
  }

  async pieces(options: Partial<LogOptions> = {}): Promise<LogPiece[]> {
    const whole = { follow: false, offset: 0, tailLines: undefined, isOver: () => true, signal: never };
    const pieces: LogPiece[] = [];
    for await (const piece of this.runtime.logs(instance, { ...whole, ...options })) pieces.push(piece);
    return pieces;
  }

  /** What the command writes to a file of the content, once it is there. */
  async soon(name: string): Promise<string> {
    const path = join(this.content, name);
    const text = () => readFile(path, 'utf8').catch(() => '');
    await expect.poll(text, { timeout: 20_000, interval: 10 }).toMatch(/\n$/);
    return (await text()).trim();
  }

  async names(): Promise<string[]> {
    return (await readdir(this.content)).sort();
  }

  async clear(): Promise<void> {
    for (const name of this.started) {
      await this.runtime.stop(name, 0, never);
      await this.runtime.remove(name);
    }
    await rm(this.root, { recursive: true, force: true });
  }
}

/** One that has ended but was not waited for (by whoever adopted it) is not alive. */
export function isAlive(pid: number | string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
