import { join } from 'node:path';
import { makeDurableDirectory } from '../../../gateways/durable.js';
import type { StewardContentOptions } from './options.js';

/** Only we get in: what is restored there may hold programs that run as somebody else. */
const SCRATCH_MODE = 0o700;

/** Gives `work` an empty folder that nobody else reaches, and removes it afterwards. */
export async function inScratch<Result>(
  { place, area }: Pick<StewardContentOptions, 'place' | 'area'>,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const { files, random } = place.world;
  await makeDurableDirectory(files, area.scratch, SCRATCH_MODE);
  const closed = join(area.scratch, random.uuid());
  const folder = join(closed, 'content');
  try {
    await files.makeDirectory(closed, SCRATCH_MODE);
    await files.makeDirectory(folder);
    return await work(folder);
  } finally {
    // What cannot be removed now goes at the next start.
    await files.remove(closed).catch(() => undefined);
  }
}
