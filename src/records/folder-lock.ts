import { join } from 'node:path';
import { z } from 'zod';
import { StewardError } from '../errors/steward-error.js';
import { errorCode } from '../gateways/file-error.js';
import type { ProcessIdentity } from '../gateways/processes.js';
import type { World } from '../gateways/world.js';
import { LOCK_ATTEMPTS_MAX, LOCK_BYTES } from './bounds.js';

const identitySchema = z.object({ pid: z.int(), startTicks: z.int(), bootId: z.string() });
const LOCK = 'lock';

type Needs = Pick<World, 'files' | 'processes' | 'random'>;

export interface FolderLock {
  /** May be called again. */
  release(): Promise<void>;
}

/**
 * Makes this process the only owner of a folder, by a file that names the process. A lock whose process is gone,
 * after a kill or a reboot, is taken over. Fails with `address-in-use` while its owner lives.
 */
export async function lockFolder(world: Needs, folder: string): Promise<FolderLock> {
  const { files, processes } = world;
  const path = join(folder, LOCK);
  await files.makeDirectory(folder, 0o700);
  for (let attempt = 1; attempt <= LOCK_ATTEMPTS_MAX; attempt += 1) {
    try {
      await files.write(path, JSON.stringify(processes.self()), { exclusive: true, mode: 0o600, sync: true });
      return { release: () => files.remove(path) };
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    await takeAway(world, path, folder);
  }
  throw new StewardError('address-in-use', `others keep taking the lock of ${folder}`);
}

/** Removes a lock whose owner is gone. By a rename first, so that of several who try only one has it. */
async function takeAway({ files, processes, random }: Needs, path: string, folder: string): Promise<void> {
  const owner = await ownerOf(files, path);
  if (owner !== undefined && (await processes.isAlive(owner))) {
    throw new StewardError('address-in-use', `process ${owner.pid} owns ${folder} already`);
  }
  const aside = `${path}.${random.uuid()}`;
  try {
    await files.rename(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  const taken = await ownerOf(files, aside);
  const isStale = taken === undefined || !(await processes.isAlive(taken));
  if (!isStale) await files.link(aside, path).catch(() => undefined);
  await files.remove(aside);
}

/** undefined for a file cut short by a crash. */
async function ownerOf(files: World['files'], path: string): Promise<ProcessIdentity | undefined> {
  try {
    const parsed = identitySchema.safeParse(
      JSON.parse((await files.read(path, LOCK_BYTES)).toString('utf8')),
    );
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
