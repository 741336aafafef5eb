import { expect, test } from 'vitest';
import { find, requireWhole } from '../../src/content/find.js';
import { folderInodes } from '../../src/content/folder-inodes.js';
import type { ProcessCommand } from '../../src/gateways/processes.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';
import { noAbort } from './support/place.js';

const WENT = `echo "find: './d': No such file or directory" >&2`;

test.each([
  { script: `${WENT}; exit 1`, isExcused: true },
  { script: `${WENT}; ${WENT}; exit 1`, isExcused: true },
  { script: `${WENT}; echo "find: './e': Permission denied" >&2; exit 1`, isExcused: false },
  { script: `${WENT}; exit 2`, isExcused: false },
  { script: `${WENT}; kill -9 $$`, isExcused: false },
  { script: 'exit 1', isExcused: false },
])(
  'a find is excused by what went, and only when it came to its end: $script',
  async ({ script, isExcused }) => {
    const world = worldWhereFindIs(script);
    const found = await find(world, '/', [], noAbort(), async (stdout) => void stdout.resume());
    expect(found.missesOnlyVanished).toBe(isExcused);
    expect(() => requireWhole(found)).toThrowError(expect.objectContaining({ code: 'backup-failed' }));
    const inodes = folderInodes(world, '/', [], noAbort());
    if (isExcused) expect((await inodes).of(Buffer.from('.'))).toBeUndefined();
    else await expect(inodes).rejects.toMatchObject({ code: 'backup-failed' });
  },
);

function worldWhereFindIs(script: string): World {
  const world = realWorld();
  const { processes } = world;
  const start = (command: ProcessCommand) =>
    processes.start({ ...command, program: 'sh', args: ['-c', script] });
  return { ...world, processes: Object.assign(Object.create(processes), { start }) };
}
