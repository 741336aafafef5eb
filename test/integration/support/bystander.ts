import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { emptyWorkspace, type RealDaemon } from '../../support/real-daemon.js';

const ID = 'bystander';
const TEXT = 'nobody touches this';

/** A workspace that has nothing to do with what goes wrong, and must not notice it. */
export async function settleBystander(daemon: RealDaemon): Promise<void> {
  await daemon.content.initWorkspace(emptyWorkspace(ID, 'bystander-workspace', 'bystander-owner'));
  await writeFile(join(daemon.config.stateFolder, 'workspaces', ID, 'mine.txt'), TEXT, { mode: 0o640 });
}

/** Its file is as it was, it is in use, and it can be backed up if the storage works. */
export async function expectUnharmed(
  daemon: RealDaemon,
  storage: 'works' | 'broken' = 'works',
): Promise<void> {
  const path = join(daemon.config.stateFolder, 'workspaces', ID, 'mine.txt');
  expect(await readFile(path, 'utf8')).toBe(TEXT);
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  const { content } = await daemon.steward.getContent({ instanceId: ID });
  expect(content).toMatchObject({ step: 'available.idle' });
  if (storage === 'works') await daemon.content.backupWorkspace({ id: ID });
}
