import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BackupRepository } from '../../src/content/backups.js';
import { LONG_WRITE_BYTES_MIN, LONG_WRITE_MS } from '../../src/content/bounds.js';
import { chainSetting, policy } from '../content/support/chain-setting.js';
import { backupOptions, ids } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';

const { owner, workspace } = ids();

/**
 * One write(2) of a gigabyte takes seconds, and the times of the file are those of its beginning: tar may have read
 * what it had not written yet. Nothing shows that afterwards, so what may have been so is archived once more.
 */
test('a large file that was just written to is not taken for unchanged until a write would have ended', async () => {
  const { content, create, place, restored } = await chainSetting();
  await writeFile(join(content, 'small'), 'x');
  await writeFile(join(content, 'large'), Buffer.alloc(LONG_WRITE_BYTES_MIN, 1));
  await create();
  const again = await create();
  expect(again).toMatchObject({ kind: 'committed', manifest: { tree: { isExact: true } } });
  expect(again.manifest.parts.map(({ kind }) => kind)).toEqual(['full', 'increment']);
  expect(again.manifest.parts[1]?.contentBytes).toBeGreaterThan(LONG_WRITE_BYTES_MIN);
  expect(await describeTree(await restored(again.manifest.generation))).toEqual(await describeTree(content));
  const { clock } = place.world;
  const later = {
    now: () => clock.now() + LONG_WRITE_MS,
    monotonic: () => clock.monotonic() + LONG_WRITE_MS,
    schedule: (at: number, callback: () => void) => clock.schedule(at - LONG_WRITE_MS, callback),
  };
  const world = { ...place.world, clock: later };
  const afterwards = new BackupRepository({ ...place, world }, owner, workspace);
  const options = { ...backupOptions(content), policy };
  expect((await afterwards.create(content, options)).kind).toBe('committed');
  expect((await afterwards.create(content, options)).kind).toBe('unchanged');
});

test('small files that were just written to are unchanged at once', async () => {
  const { content, create } = await chainSetting();
  await writeFile(join(content, 'small'), Buffer.alloc(LONG_WRITE_BYTES_MIN - 1, 1));
  await create();
  expect((await create()).kind).toBe('unchanged');
});
