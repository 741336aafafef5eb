import { join } from 'node:path';
import type { InstanceId } from '../../../machines/ids.js';
import { errorCode } from '../../gateways/file-error.js';
import type { Files } from '../../gateways/files.js';
import type { ProcessIdentity } from '../../gateways/processes.js';
import { SHIM_FILE_BYTES_MAX } from '../bounds.js';

/** What a run's place says about who runs there: nobody yet, nobody ever, or that shim. */
export type Occupant =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'tombstone' }
  | {
      readonly kind: 'shim';
      readonly identity: ProcessIdentity;
      /** Name of the start it came from. */
      readonly start: string;
    };

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const TOMBSTONE = 'never\n';

/**
 * The folder of one run, where its shim writes. It belongs to the workspace's user, so nothing in it is taken
 * for more than it can prove: the identity is checked against the process, the exit code is a number.
 */
export class RunFolder {
  readonly path: string;
  readonly home: string;
  readonly #files: Files;

  constructor(files: Files, runs: string, instance: InstanceId) {
    this.#files = files;
    this.path = join(runs, instance);
    this.home = join(this.path, 'home');
  }

  /** Makes the folder for `owner` (the present user when absent). */
  async make(owner: Owner | undefined): Promise<void> {
    await this.#files.makeDirectory(this.path, 0o700);
    await this.#files.makeDirectory(this.home, 0o700);
    if (owner === undefined) return;
    await this.#files.chown(this.home, owner.uid, owner.gid);
    await this.#files.chown(this.path, owner.uid, owner.gid);
  }

  async occupant(): Promise<Occupant> {
    const text = await this.#read('identity');
    if (text === undefined) return { kind: 'nobody' };
    const [, pid, ticks, bootId, start] = IDENTITY.exec(text) ?? [];
    if (pid === undefined || ticks === undefined || bootId === undefined || start === undefined)
      return { kind: 'tombstone' };
    return { kind: 'shim', identity: { pid: Number(pid), startTicks: Number(ticks), bootId }, start };
  }

  /** Takes the place so that no shim can; false when somebody has it. */
  async close(): Promise<boolean> {
    await this.#files.makeDirectory(this.path, 0o700);
    try {
      await this.#files.write(join(this.path, 'identity'), TOMBSTONE, { exclusive: true, sync: true });
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  async exitCode(): Promise<number | undefined> {
    const text = await this.#read('exit');
    return text !== undefined && /^\d{1,3}\n$/.test(text) ? Number(text) : undefined;
  }

  remove(): Promise<void> {
    return this.#files.remove(this.path);
  }

  async #read(name: string): Promise<string | undefined> {
    const path = join(this.path, name);
    try {
      if ((await this.#files.stat(path))?.kind !== 'file') return undefined;
      return (await this.#files.read(path, SHIM_FILE_BYTES_MAX)).toString('latin1');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** The start's name leads to a folder of ours: nothing but digits. */
const IDENTITY = /^(\d+) (\d+) ([0-9a-f-]+) ([0-9a-f]{16})\n$/;
