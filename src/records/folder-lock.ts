import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '../config/parse-json.js';
import { StewardError } from '../errors/steward-error.js';
import { errorCode } from '../gateways/file-error.js';
import type { World } from '../gateways/world.js';
import { LOCK_ATTEMPTS_MAX, LOCK_BYTES } from './bounds.js';

const claimSchema = z.object({ pid: z.int(), startTicks: z.int(), bootId: z.string(), claim: z.string() });

/** What a lock file says: whose it is, and which of that process's claims. */
type Claim = z.output<typeof claimSchema>;
/** `damaged`: what a power cut may leave; nobody holds it. */
type Found = Claim | 'gone' | 'damaged';

const LOCK = 'lock';
/** Names of files being written, before they become a lock by a second name. */
const NEW = `${LOCK}.new-`;

type Needs = Pick<World, 'files' | 'processes' | 'random'>;

export interface FolderLock {
  /** Gives up this lock and no other; may be called again. */
  release(): Promise<void>;
}

/**
 * Makes this process the only owner of a folder, by a file that names the process. A lock whose process is gone,
 * after a kill or a reboot, is taken over. Fails with `address-in-use` while its owner lives.
 */
export async function lockFolder(world: Needs, folder: string): Promise<FolderLock> {
  await world.files.makeDirectory(folder, 0o700);
  const locks = new Locks(world, folder);
  const path = join(folder, LOCK);
  const claim = await locks.acquire(path);
  await locks.removeUnfinished();
  return { release: () => locks.release(path, claim) };
}

class Locks {
  readonly #world: Needs;
  readonly #folder: string;

  constructor(world: Needs, folder: string) {
    this.#world = world;
    this.#folder = folder;
  }

  /** Answers the name of the claim that holds the lock from now on. */
  async acquire(path: string): Promise<string> {
    for (let attempt = 1; attempt <= LOCK_ATTEMPTS_MAX; attempt += 1) {
      const claim = await this.#claim(path);
      if (claim !== undefined) return claim;
      const found = await this.#read(path);
      if (found === 'gone') continue;
      if (found !== 'damaged' && (await this.#world.processes.isAlive(found))) {
        throw new StewardError('address-in-use', `process ${found.pid} owns ${this.#folder} already`);
      }
      await this.#removeStale(path, nameOf(found));
    }
    throw new StewardError('address-in-use', `others keep taking the lock of ${this.#folder}`);
  }

  async release(path: string, claim: string): Promise<void> {
    if (nameOf(await this.#read(path)) === claim) await this.#world.files.remove(path);
  }

  /** What those left who were killed while they took it; to be called by the owner. */
  async removeUnfinished(): Promise<void> {
    const { files, processes } = this.#world;
    for (const { name } of await files.list(this.#folder)) {
      if (!name.startsWith(`${LOCK}.`)) continue;
      const found = await this.#read(join(this.#folder, name));
      // A new one that is damaged was cut short by a power cut, or is being written by one who cannot win.
      const isTorn = found === 'damaged' && name.startsWith(NEW);
      const isLeft = isTorn || (typeof found === 'object' && !(await processes.isAlive(found)));
      if (isLeft) await files.remove(join(this.#folder, name));
    }
  }

  /** The file appears whole or not at all, so nobody can take one being written for one left behind. */
  async #claim(path: string): Promise<string | undefined> {
    const { files, processes, random } = this.#world;
    const claim = random.uuid();
    const written = join(this.#folder, `${NEW}${claim}`);
    const text = JSON.stringify({ ...processes.self(), claim } satisfies Claim);
    try {
      await files.write(written, text, { exclusive: true, mode: 0o600, sync: true });
      await files.link(written, path);
      return claim;
    } catch (error) {
      if (errorCode(error) === 'EEXIST' || errorCode(error) === 'ENOENT') return undefined;
      throw error;
    } finally {
      await files.remove(written);
    }
  }

  /**
   * Removes the lock of a dead process. Only who holds a second lock, named after that very claim, may do so:
   * between a look at the file and its removal nobody else can have removed it and put their own there.
   */
  async #removeStale(path: string, claim: string): Promise<void> {
    const guard = join(this.#folder, guardOf(path, claim));
    const guarded = await this.acquire(guard);
    try {
      const found = await this.#read(path);
      if (found !== 'gone' && nameOf(found) === claim) await this.#world.files.remove(path);
    } finally {
      await this.release(guard, guarded);
    }
  }

  async #read(path: string): Promise<Found> {
    try {
      const text = (await this.#world.files.read(path, LOCK_BYTES)).toString('utf8');
      return claimSchema.safeParse(parseJson(text)).data ?? 'damaged';
    } catch (error) {
      const code = errorCode(error);
      if (code === 'ENOENT') return 'gone';
      if (code === 'EFBIG') return 'damaged';
      throw error;
    }
  }
}

/**
 * No longer for the guard of a guard: one is left by every process that is killed while it takes over the last one's.
 * A damaged file has no claim that is its own.
 */
function guardOf(path: string, claim: string): string {
  if (claim !== 'damaged') return `${LOCK}.taking-${claim}`;
  return `${LOCK}.taking-damaged-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;
}

function nameOf(found: Found): string {
  return typeof found === 'string' ? found : found.claim;
}
