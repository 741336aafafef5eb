import { AREA } from '../life.js';
import type { Run } from '../run.js';
import { sync } from '../user.js';
import { inUse, type Scene } from './scene.js';

const HOURS_MS = 2 * 3_600_000;

/** What the node does for itself. */
export const NODE_SCENES: Readonly<Record<string, Scene>> = {
  housekeeping: {
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i1');
      leave(run, 'old');
      await run.keepHouse();
      await run.pass(HOURS_MS);
      leave(run, 'new');
    },
    act: (run) => run.keepHouse(),
    // What went to the quarantine then goes for good when its time is over.
    after: async (run) => {
      await run.keepHouse();
      await run.pass(HOURS_MS);
      await run.keepHouse();
    },
  },
};

/** Things of an instance whose record was lost: content, what its next increment went by, credentials. */
function leave(run: Run, id: string): void {
  const { disk } = run.world.files;
  for (const folder of [`${AREA.workspaces}/${id}`, `${AREA.chains}/${id}`]) {
    disk.makeFolders(folder, 0o755);
    disk.fileToWrite(`${folder}/file`, 0o600, true);
  }
  disk.makeFolders(AREA.secrets, 0o700);
  disk.fileToWrite(`${AREA.secrets}/${id}.json`, 0o600, true);
  for (const root of [AREA.root, AREA.secrets]) sync(run, root);
}
