import { DEFAULT_BACKUP_POLICY } from '../../../src/content/backup-policy.js';
import { AREA, callContext } from '../life.js';
import { type InstanceModel, OWNER } from '../model.js';
import type { Run } from '../run.js';
import { answered, backups, instance, inUse, type Scene, succeeds } from './scene.js';

/** What becomes of stored versions. */
export const VERSION_SCENES: Readonly<Record<string, Scene>> = {
  'a version put into content in use': {
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i1');
      await backups(run, callers, 'i1', 2);
    },
    act: (run) => putBack(run),
    after: async (run) => {
      // Interrupted, what it had come to counts.
      noteContent(run, instance(run, 'i1'));
      await putBack(run);
    },
  },
  'a deletion of a version': {
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i1');
      await backups(run, callers, 'i1', 3);
    },
    act: async (run) => {
      forgetAcknowledged(run, 1);
      await deleteVersion(run, 1);
    },
    after: async (run) => {
      await deleteVersion(run, 1);
      const left = run.stored.backups('w1', 'now').map(({ generation }) => generation);
      run.require('told', !left.includes(1), 'version 1 was deleted and is there');
    },
  },
  'a round of retention': {
    policy: { ...DEFAULT_BACKUP_POLICY, fullAfterIncrements: 1, keepCount: 1, keepAgeMs: 0 },
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i1');
      await backups(run, callers, 'i1', 4);
      await run.pass(60_000);
    },
    act: (run) => run.keepHouse(),
    after: async (run) => {
      await run.keepHouse();
      const left = run.stored.backups('w1', 'now').length;
      run.require('told', left === 1, `${left} versions are kept, and one was to be`);
    },
  },
  'a deletion of all that is stored': {
    prepare: async (run, callers) => {
      await inUse(run, callers, 'i1');
      await backups(run, callers, 'i1', 2);
      await answered(run, () => callers.dispose(instance(run, 'i1'), true));
    },
    act: async (run) => {
      forgetAcknowledged(run, Number.POSITIVE_INFINITY);
      await deleteAll(run);
    },
    after: async (run) => {
      run.require(8, await deleteAll(run), 'what is stored cannot be deleted although nothing is wrong');
      run.require('told', run.stored.backups('w1', 'now').length === 0, 'all was deleted and some is there');
    },
  },
};

/** Somebody wants it gone, so nobody misses it. */
function forgetAcknowledged(run: Run, upTo: number): void {
  const kept = run.acknowledged.filter(({ url }) => Number(/(\d+)\.manifest\.json@/.exec(url)?.[1]) > upTo);
  run.acknowledged.splice(0, run.acknowledged.length, ...kept);
}

async function deleteVersion(run: Run, generation: number): Promise<void> {
  const { life } = run;
  if (life === undefined) return;
  const request = {
    owner: OWNER,
    workspaceId: 'w1',
    generation: BigInt(generation),
    dryRun: false,
    force: false,
    reason: '',
  };
  await succeeds(run, life.steward.deleteBackup(request, callContext(new AbortController().signal)));
}

async function deleteAll(run: Run): Promise<boolean> {
  const { life } = run;
  if (life === undefined) return false;
  const what = { $case: 'workspaceId' as const, value: 'w1' };
  const scope = { owner: OWNER, what, includeSnapshots: true, dryRun: false, reason: 'a scene' };
  return succeeds(run, life.steward.deleteStoredContent(scope, callContext(new AbortController().signal)));
}

/** The first version comes back into the content; what was there is there still, under its own name or another. */
async function putBack(run: Run): Promise<void> {
  const { life } = run;
  if (life === undefined) return;
  const model = instance(run, 'i1');
  const before = model.versions.at(-1) ?? new Map();
  // Until it is over nobody can say what is in the content.
  model.isReady = false;
  const target = { $case: 'intoInstance' as const, value: { instanceId: 'i1', path: '' } };
  const request = { owner: OWNER, workspaceId: 'w1', generation: 1n, paths: [], target };
  const telling = life.steward.restoreBackup(request, callContext(new AbortController().signal));
  const isDone = await succeeds(run, toEnd(telling));
  if (run.life === undefined) return;
  noteContent(run, model);
  const found = new Set(model.versions.at(-1)?.values());
  const lost = [...before].filter(([, line]) => line.startsWith('file') && !found.has(line));
  run.require(2, lost.length === 0, `a restore lost ${lost.map(([path]) => path).join(', ')}`);
  if (isDone) await checkVersion(run, model);
}

async function toEnd(telling: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of telling);
}

function noteContent(run: Run, model: InstanceModel): void {
  const found = run.disk.content(AREA.contentOf(model.id));
  if (found !== undefined) model.hasBecome(found, run.now);
  model.isReady = true;
}

async function checkVersion(run: Run, model: InstanceModel): Promise<void> {
  const [version] = run.stored.backups('w1');
  const expected = version === undefined ? new Map() : await run.stored.treeOf(version);
  const found = model.versions.at(-1);
  const missing = [...expected].filter(([path, line]) => found?.get(path) !== line);
  run.require(1, missing.length === 0, `restored, but without ${missing.map(([path]) => path).join(', ')}`);
}
