import { join } from 'node:path';
import type { BackupOutcome } from '../../../src/content/backup-creation.js';
import { DEFAULT_BACKUP_POLICY } from '../../../src/content/backup-policy.js';
import { BackupRepository } from '../../../src/content/backups.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { backupOptions, contentFolder, ids, newPlace, noAbort } from './place.js';

const { owner, workspace } = ids();
/** Tiny content: its increments are large beside it. */
export const policy = {
  ...DEFAULT_BACKUP_POLICY,
  fullWhenIncrementsExceedShare: Number.MAX_SAFE_INTEGER,
};

/** Content, its backups, and what is restored from them. */
export async function chainSetting() {
  const folder = await temporaryFolder();
  const place = newPlace(folder);
  const content = await contentFolder(place, join(folder, 'content'));
  const backups = new BackupRepository(place, owner, workspace);
  const restored = async (generation: number) => {
    const target = await contentFolder(place, join(folder, `restored-${generation}`));
    await backups.restore(await backups.read(generation, noAbort()), target, { signal: noAbort() });
    return target;
  };
  const creating =
    (from: string) =>
    (more: object = {}): Promise<BackupOutcome> =>
      backups.create(from, { ...backupOptions(from), policy, ...more });
  const elsewhere = async (
    generation: number,
    options: { isSeeded: boolean; beforeSeed?: (folder: string) => Promise<void> },
  ) => {
    const target = await restored(generation);
    await options.beforeSeed?.(target);
    const { chain, instance, signal } = backupOptions(target);
    const manifest = await backups.read(generation, noAbort());
    if (options.isSeeded) await backups.seed(target, chain, manifest, { instance, signal, excludes: [] });
    return { content: target, create: creating(target) };
  };
  const { chain } = backupOptions(content);
  const create = creating(content);
  return { folder, place, objects: place.objects, content, chain, backups, create, restored, elsewhere };
}
