import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chainSetting } from '../content/support/chain-setting.js';
import { contentFolder, ids, noAbort } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';

const { owner, workspace } = ids();
const folderOfBackups = `${owner}/workspaces/${workspace}/backups`;

test('a backup of version 1 is listed, verified and restored', async () => {
  const { backups, content, restored } = await withFirstVersion();
  const manifest = await backups.read(1, noAbort());
  expect(manifest).toMatchObject({ generation: 1, parts: [{ kind: 'full' }] });
  expect(manifest.tree).toBeUndefined();
  expect((await backups.list(noAbort())).map(({ generation }) => generation)).toEqual([1]);
  await backups.verify(manifest, { signal: noAbort() });
  expect(await describeTree(await restored(1))).toEqual(await describeTree(content));
});

test('a proof restores it, and says that there is nothing to compare it with', async () => {
  const { backups, folder, place } = await withFirstVersion();
  const manifest = await backups.read(1, noAbort());
  const scratch = await contentFolder(place, join(folder, 'scratch'));
  const proof = await backups.prove(manifest, scratch, { signal: noAbort() });
  expect(proof.kind).toBe('restored');
});

test('on a backup of version 1 no increment is built: the next is full, and increments follow that', async () => {
  const { backups, content, create, restored } = await withFirstVersion();
  await writeFile(join(content, 'b'), 'two');
  const second = await create();
  expect(second).toMatchObject({ kind: 'committed', fullBecause: expect.any(String) });
  expect(second.manifest).toMatchObject({ generation: 2, previousGeneration: 1 });
  await writeFile(join(content, 'c'), 'three');
  const third = await create();
  expect(third.manifest.parts.map(({ kind }) => kind)).toEqual(['full', 'increment']);
  expect(await describeTree(await restored(3))).toEqual(await describeTree(content));
  expect(await readFile(join(await restored(1), 'a'), 'utf8')).toBe('one');
  expect((await backups.list(noAbort())).length).toBe(3);
});

test('after a restore of version 1 the first backup is full, also after a seed', async () => {
  const { elsewhere } = await withFirstVersion();
  const next = await elsewhere(1, { isSeeded: true });
  await writeFile(join(next.content, 'b'), 'two');
  expect(await next.create()).toMatchObject({ fullBecause: expect.any(String) });
});

test('a damaged or truncated archive of version 1 is not restored', async () => {
  const { backups, objects, restored } = await withFirstVersion();
  const { parts } = await backups.read(1, noAbort());
  const path = join(objects, parts[0]?.archive ?? '');
  const bytes = await readFile(path);
  await rm(path);
  await writeFile(path, bytes.subarray(0, -1));
  await expect(restored(1)).rejects.toMatchObject({ code: 'archive-damaged' });
});

/** Content, and a backup of it as the first version of this program left it; without a chain. */
async function withFirstVersion() {
  const setting = await chainSetting();
  await writeFile(join(setting.content, 'a'), 'one');
  const { manifest } = await setting.create();
  const [part] = manifest.parts;
  if (part === undefined) throw new Error('there is no archive');
  const { kind: _, ...stored } = part;
  const first = {
    kind: 'backup',
    generation: 1,
    owner,
    workspace,
    instance: manifest.instance,
    createdAtMs: manifest.createdAtMs,
    ...stored,
    torn: { count: 0, names: [] },
    changed: { count: 0, names: [] },
  };
  const sha256 = createHash('sha256').update(JSON.stringify(first)).digest('hex');
  const path = join(setting.objects, folderOfBackups, '000000000001.manifest.json');
  await rm(path);
  await writeFile(path, `${JSON.stringify({ version: 1, sha256, manifest: first }, null, 2)}\n`);
  await rm(setting.chain, { recursive: true });
  return setting;
}
