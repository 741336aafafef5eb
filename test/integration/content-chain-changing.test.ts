import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { ArchivePlace } from '../../src/content/archive-objects.js';
import { BackupRepository } from '../../src/content/backups.js';
import { SURVEY_BESIDE_BYTES_MIN } from '../../src/content/bounds.js';
import type { ObjectStorage } from '../../src/storage/object-storage.js';
import { chainSetting, policy } from '../content/support/chain-setting.js';
import { backupOptions, ids, withoutZstd } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';

const { owner, workspace } = ids();
/** More than what lies between tar and the storage, so that tar is held back in the middle of it. */
const size = 8_000_000;

test('a file that shrinks under tar is taken again at once, and the backup holds it as it is', async () => {
  const { content, createWhile, restored } = await setting();
  const log = join(content, 'log');
  await writeFile(log, randomBytes(size));
  const { manifest } = await createWhile(async (archive) => {
    if (archive === 1) await truncate(log, 10);
  });
  expect(manifest.parts.map(({ kind }) => kind)).toEqual(['full', 'increment']);
  expect(manifest.torn).toEqual({ count: 0, names: [] });
  const found = await describeTree(await restored(manifest.generation));
  expect(found['log']).toEqual((await describeTree(content))['log']);
});

test('a file that shrinks whenever it is read is named torn, and is whole in the next increment', async () => {
  const { content, createWhile, create, restored } = await setting();
  const log = join(content, 'log');
  await writeFile(log, randomBytes(size));
  await writeFile(join(content, 'other'), 'whole');
  const { manifest } = await createWhile((archive) => truncate(log, size - archive));
  expect(manifest.parts.length).toBe(3);
  expect(manifest.torn).toEqual({ count: 1, names: ['log'] });
  expect(manifest.tree?.isExact).toBe(false);
  expect(await readFile(join(await restored(manifest.generation), 'other'), 'utf8')).toBe('whole');
  const next = await create();
  expect(next.manifest.torn.count).toBe(0);
  expect(next.manifest.parts.length).toBe(4);
  expect(await describeTree(await restored(next.manifest.generation))).toEqual(await describeTree(content));
});

test('a file that grows is stored as long as it was, named, and grown in the next increment', async () => {
  const { content, createWhile, create, restored } = await setting();
  const log = join(content, 'log');
  await writeFile(log, randomBytes(size));
  const { manifest } = await createWhile(() => appendFile(log, 'more'));
  expect(manifest.changed).toEqual({ count: 1, names: ['log'] });
  expect(manifest.tree?.isExact).toBe(false);
  expect((await stat(join(await restored(manifest.generation), 'log'))).size).toBe(size);
  const next = await create();
  expect(next.manifest.parts.length).toBe(2);
  expect(await describeTree(await restored(next.manifest.generation))).toEqual(await describeTree(content));
});

test('files that vanish are missing, the rest is whole, and the next increment follows', async () => {
  const { content, createWhile, create, restored } = await setting();
  const names = Array.from({ length: 8 }, (_, index) => `file-${index}`);
  for (const name of names) await writeFile(join(content, name), randomBytes(size / 2));
  const { manifest } = await createWhile(async () => {
    for (const name of names) await rm(join(content, name));
    await writeFile(join(content, 'late'), 'x');
  });
  expect(manifest.tree?.isExact).toBe(false);
  const kept = await readdir(await restored(manifest.generation));
  expect(kept.length).toBeLessThan(4);
  expect(kept).not.toContain('late');
  const next = await create();
  expect(next.manifest.parts.length).toBe(2);
  expect(await readdir(await restored(next.manifest.generation))).toEqual(['late']);
});

test('a file of the folder of our marker that vanishes is seen, although that folder has no times', async () => {
  const { content, createWhile, create, restored } = await setting();
  const folder = join(content, '.gitpod');
  await mkdir(folder);
  await writeFile(join(folder, 'data'), 'x');
  await writeFile(join(content, 'other'), randomBytes(size));
  const manifest = (await createWhile(() => rm(join(folder, 'data')))).manifest;
  expect(manifest.tree?.isExact).toBe(false);
  const next = await create();
  expect(next.manifest.tree?.isExact).toBe(true);
  expect(await readdir(join(await restored(next.manifest.generation), '.gitpod'))).toEqual([]);
});

test('of large content, which is looked at beside tar, a version is exact only if nothing was touched afterwards', async () => {
  const { content, createWhile, create, restored } = await setting(SURVEY_BESIDE_BYTES_MIN);
  await writeFile(join(content, 'a'), 'before');
  await writeFile(join(content, 'large'), randomBytes(SURVEY_BESIDE_BYTES_MIN + size));
  const calm = await createWhile(async () => undefined);
  expect(calm.manifest.tree?.isExact).toBe(true);
  await rm(`${content}-chain`, { recursive: true });
  const { manifest } = await createWhile(() => appendFile(join(content, 'a'), ' and after'));
  expect(manifest.parts.map(({ kind }) => kind)).toEqual(['full']);
  expect(manifest.tree?.isExact).toBe(false);
  const next = await create();
  expect(next.manifest.tree?.isExact).toBe(true);
  expect(await describeTree(await restored(next.manifest.generation))).toEqual(await describeTree(content));
});

test('folders that come and go all the time fail no backup, and leave nothing behind when they are gone', async () => {
  const { content, create, restored } = await setting();
  const folders = 'a b c d e f g h';
  const build = `while :; do for d in ${folders}; do mkdir -p $d/x/y $d/z; echo 1 > $d/x/f; done; rm -rf ${folders}; done`;
  await writeFile(join(content, 'stays'), randomBytes(100_000));
  const building = spawn('sh', ['-c', build], { cwd: content, detached: true, stdio: 'ignore' });
  const made: number[] = [];
  let inexact = 0;
  try {
    for (let backup = 0; backup < 25; backup += 1) {
      await writeFile(join(content, 'counter'), String(backup));
      const { manifest } = await create();
      made.push(manifest.generation);
      if (manifest.tree?.isExact === false) inexact += 1;
    }
  } finally {
    process.kill(-(building.pid ?? 0), 'SIGKILL');
    await once(building, 'exit');
  }
  expect(inexact).toBeGreaterThan(0);
  for (const name of folders.split(' ')) await rm(join(content, name), { recursive: true, force: true });
  const last = await create();
  expect(last.manifest.tree?.isExact).toBe(true);
  expect(await describeTree(await restored(last.manifest.generation))).toEqual(await describeTree(content));
  for (const [backup, generation] of made.entries()) {
    if (backup % 8 > 0) continue;
    expect(await readFile(join(await restored(generation), 'counter'), 'utf8')).toBe(String(backup));
  }
});

async function setting(afterBytes = 0) {
  const { place, content, restored } = await chainSetting();
  const at = withoutZstd(place);
  const creating = (from: ArchivePlace) =>
    new BackupRepository(from, owner, workspace).create(content, { ...backupOptions(content), policy });
  const createWhile = (change: (archive: number) => Promise<unknown>) =>
    creating({ ...at, storage: interrupted(at.storage, change, afterBytes) });
  return { content, restored, create: () => creating(at), createWhile };
}

/** A storage that takes the first bytes of each archive and waits for `change`, told which archive it is. */
function interrupted(
  storage: ObjectStorage,
  change: (archive: number) => Promise<unknown>,
  afterBytes: number,
): ObjectStorage {
  let archives = 0;
  const held = async function* (body: Readable) {
    const archive = archives;
    let bytes = 0;
    for await (const chunk of body) {
      const isDue = bytes <= afterBytes && bytes + chunk.length > afterBytes;
      bytes += chunk.length;
      if (isDue) await change(archive);
      yield chunk;
    }
  };
  return new Proxy(storage, {
    get: (target, property) => {
      if (property !== 'put') return bound(target, property);
      const put: ObjectStorage['put'] = (name, body, options) => {
        if (name.endsWith('.json')) return target.put(name, body, options);
        archives += 1;
        return target.put(name, Readable.from(held(body), { objectMode: false }), options);
      };
      return put;
    },
  });
}

function bound(target: ObjectStorage, property: string | symbol): unknown {
  const found: unknown = Reflect.get(target, property);
  return typeof found === 'function' ? found.bind(target) : found;
}
