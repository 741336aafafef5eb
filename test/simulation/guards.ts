import type { Transition } from '../../machines/transition.js';
import { BrokenPromise } from './broken.js';
import { type DiskView, difference } from './disk-view.js';
import { AREA } from './life.js';
import type { InstanceModel } from './model.js';
import { isFinished, recordOf } from './recorded.js';
import type { StoredObjects } from './stored.js';

/** In the order an instance goes through them; a record never falls behind what was told. */
const RANKS = ['setting-up', 'available', 'wrapping-up', 'removing'];

/** Called before a content folder is removed: whether that may be, by what is on disk for certain. */
export function mayRemove(
  disk: DiskView,
  stored: StoredObjects,
  instance: InstanceModel,
): Promise<void> | undefined {
  const content = disk.content(AREA.contentOf(instance.id));
  if (content === undefined || instance.isBeingRemoved) return undefined;
  const record = recordOf(disk, instance.id, 'durable');
  const what = `the content of ${instance.id} is removed`;
  if (record === undefined) throw new BrokenPromise(2, `${what} and there is no record of it`);
  if (record.step === 'setting-up' || !record.isComplete) {
    if (!instance.isReady) return undefined;
    throw new BrokenPromise(2, `${what} as never complete, and was told to be ready`);
  }
  if (record.step !== 'removing') throw new BrokenPromise(2, `${what} in step ${record.step}`);
  if (record.failureCode === 'content-missing') return undefined;
  if (record.backup !== true) {
    if (instance.isGivenUp) return undefined;
    throw new BrokenPromise(2, `${what} without backup, and nobody gave it up`);
  }
  const manifest = stored
    .backups(instance.workspace)
    .find((one) => one.kind === 'backup' && one.generation === record.finalGeneration);
  if (!record.verified || manifest === undefined) {
    throw new BrokenPromise(2, `${what} before its final backup was recorded and verified`);
  }
  instance.isBeingRemoved = true;
  return stored.treeOf(manifest).then((kept) => {
    const problem = difference(kept, content);
    if (problem !== undefined)
      throw new BrokenPromise(2, `${what}, and its final backup differs: ${problem}`);
  });
}

/** Called before content is put aside: whose record is there is never put aside. */
export function isOfNobody(disk: DiskView, instance: InstanceModel): void {
  if (recordOf(disk, instance.id, 'now') === undefined) return;
  throw new BrokenPromise(2, `the content of ${instance.id} is put aside although a record owns it`);
}

/** Called for every transition that is told: what it says must be on disk for certain. */
export function isOnDisk(disk: DiskView, transition: Transition, instance: InstanceModel): void {
  // What was told of the try before, this one may have come over.
  if (transition.at <= instance.since) return;
  const { to } = transition;
  const record = recordOf(disk, instance.id, 'durable');
  const what = `${instance.id} was told to be ${to}`;
  if (to === 'gone') {
    if (isFinished(disk, instance.id, 'durable')) return;
    throw new BrokenPromise('told', `${what} and its end is not on disk`);
  }
  const told = rankOf(to);
  if (told === undefined || isFinished(disk, instance.id, 'durable')) return;
  if (record !== undefined && RANKS.indexOf(record.step) >= told) return;
  throw new BrokenPromise('told', `${what} and its record says ${record?.step ?? 'nothing'}`);
}

/**
 * Called for every backup and snapshot that was answered, while the disk does what it should: a daemon that came back
 * now would not make it once more. `left`: tickets of what is still to be made.
 */
export function isOver(disk: DiskView, { id }: InstanceModel, left: ReadonlySet<number>): void {
  const again = recordOf(disk, id, 'durable')?.jobs.filter((ticket) => !left.has(ticket)) ?? [];
  if (again.length === 0) return;
  throw new BrokenPromise(
    'told',
    `${id} was answered, and its record has the jobs ${again.join(', ')} still`,
  );
}

function rankOf(step: string): number | undefined {
  if (step === 'settingUp.reserving' || step === 'settingUp.initializing') return 0;
  if (step.startsWith('available')) return 1;
  if (/^wrappingUp\.(quiescing|disconnecting|backingUp|verifying|pausing)$/.test(step)) return 2;
  return step === 'wrappingUp.removing' ? 3 : undefined;
}
