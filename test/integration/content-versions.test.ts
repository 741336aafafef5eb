import { appendFile, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_BACKUP_POLICY } from '../../src/content/backup-policy.js';
import { BackupRepository } from '../../src/content/backups.js';
import type { BackupManifest } from '../../src/content/manifest.js';
import { restoreSnapshot } from '../../src/content/snapshots.js';
import { backupOptions, contentFolder, ids, newPlace, noAbort } from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const { owner, workspace } = ids();
/** Tiny content: its increments are large beside it. */
const policy = { ...DEFAULT_BACKUP_POLICY, fullWhenIncrementsExceedShare: Number.MAX_SAFE_INTEGER };

describe('a proof', () => {
  test('restores every version and finds what its manifest says', async () => {
    const { backups, version, scratch } = await setting();
    for (const text of ['one', 'two', 'three']) await version(text);
    for (const { generation } of await backups.list(noAbort())) {
      const manifest = await backups.read(generation, noAbort());
      const proof = await backups.prove(manifest, await scratch(), { signal: noAbort() });
      expect(proof).toMatchObject({ kind: 'proven', tree: { entries: 2 } });
    }
  });

  test('tells when another tree comes out, and when that says nothing because the content was in use', async () => {
    const { backups, version, scratch } = await setting();
    const manifest = await version('one');
    const { tree } = manifest;
    if (tree === undefined) throw new Error('no tree');
    const prove = async (changed: object) =>
      backups.prove({ ...manifest, tree: { ...tree, ...changed } }, await scratch(), { signal: noAbort() });
    const other = { digest: '0'.repeat(64), entries: 7 };
    expect(await prove(other)).toMatchObject({ kind: 'different', why: expect.stringContaining('7') });
    expect(await prove({ ...other, isExact: false })).toMatchObject({
      kind: 'restored',
      why: expect.stringContaining('changed while'),
    });
  });

  test('of a damaged archive fails', async () => {
    const { backups, version, scratch, objects } = await setting();
    await version('one');
    const manifest = await version('two');
    await truncate(join(objects, manifest.parts[1]?.archive ?? ''), 20);
    const proving = backups.prove(manifest, await scratch(), { signal: noAbort() });
    await expect(proving).rejects.toMatchObject({ code: 'archive-damaged' });
    await expect(backups.verify(manifest, { signal: noAbort() })).rejects.toMatchObject({
      code: 'backup-failed',
    });
  });
});

describe('selected paths', () => {
  test('come back with the folders above them and nothing else', async () => {
    const { backups, content, version, scratch } = await setting();
    await mkdir(join(content, 'a/b'), { recursive: true });
    await writeFile(join(content, 'a/b/wanted'), 'yes');
    await writeFile(join(content, 'a/other'), 'no');
    await mkdir(join(content, 'whole'));
    await writeFile(join(content, 'whole/of it'), 'yes');
    const manifest = await version('one');
    await rm(join(content, 'a/b/wanted'));
    await version('two');
    const target = await scratch();
    await backups.restore(manifest, target, { signal: noAbort(), paths: ['a/b/wanted', './whole/'] });
    expect((await readdir(target, { recursive: true })).sort()).toEqual([
      'a',
      'a/b',
      'a/b/wanted',
      'whole',
      'whole/of it',
    ]);
  });

  test.each(['', '/', '.', '..', 'a/../../b', '/etc/passwd', 'a\0b', 'x'.repeat(5_000)])(
    'refuse %j before anything is fetched',
    async (path) => {
      const { backups, version, scratch } = await setting();
      const manifest = await version('one');
      const target = await scratch();
      const restoring = backups.restore(manifest, target, { signal: noAbort(), paths: [path] });
      await expect(restoring).rejects.toMatchObject({ code: 'invalid-argument' });
      expect(await readdir(target)).toEqual([]);
    },
  );

  test('that are not there, or lie behind a link, are named', async () => {
    const { backups, content, version, scratch } = await setting();
    await symlink('/etc', join(content, 'way out'));
    const manifest = await version('one');
    for (const path of ['nothing', 'way out/passwd', 'text/below a file']) {
      const restoring = backups.restore(manifest, await scratch(), { signal: noAbort(), paths: [path] });
      await expect(restoring).rejects.toMatchObject({
        code: 'path-not-found',
        message: expect.stringContaining(path),
      });
    }
  });
});

test('a new workspace starts from any version by the URL of its manifest', async () => {
  const { place, backups, version, scratch } = await setting();
  await version('one');
  const { generation } = await version('two');
  await version('three');
  const target = await scratch();
  await restoreSnapshot(place, backups.urlOf(generation), target, { signal: noAbort() });
  expect(await readFile(join(target, 'text'), 'utf8')).toBe('two');
  await expect(
    restoreSnapshot(place, backups.urlOf(99), await scratch(), { signal: noAbort() }),
  ).rejects.toMatchObject({ code: 'snapshot-not-found' });
});

test('an old version made the newest is restored like any, and shares its archives', async () => {
  const { backups, version, scratch, archives } = await setting();
  const first = await version('one');
  await version('two');
  const before = await archives();
  const promoted = await backups.promote(first.generation, noAbort());
  expect(promoted).toMatchObject({
    generation: 3,
    previousGeneration: 2,
    promotedFrom: 1,
    parts: first.parts,
  });
  expect(await archives()).toEqual(before);
  const target = await scratch();
  await backups.restore(promoted, target, { signal: noAbort() });
  expect(await readFile(join(target, 'text'), 'utf8')).toBe('one');
  await expect(backups.promote(9, noAbort())).rejects.toMatchObject({ code: 'backup-not-found' });
});

describe('a version that is removed', () => {
  test('takes only the archives that no other version needs, and tells them beforehand', async () => {
    const { backups, version, scratch, archives } = await setting();
    await version('one');
    const second = await version('two');
    const third = await version('three');
    const before = await archives();
    const options = { signal: noAbort() };
    expect(await backups.delete(2, { ...options, dryRun: true })).toMatchObject({
      generations: [2],
      archives: [],
    });
    expect((await backups.list(noAbort())).length).toBe(3);
    await backups.delete(2, options);
    expect(await archives()).toEqual(before);
    await backups.restore(third, await scratch(), options);
    await expect(backups.delete(2, options)).rejects.toMatchObject({ code: 'backup-not-found' });
    await expect(backups.delete(3, options)).rejects.toMatchObject({ code: 'wrong-state' });
    const removed = await backups.delete(3, { ...options, force: true });
    expect(removed.archives).toEqual(third.parts.slice(1).map(({ archive }) => archive));
    expect(second.parts[1]?.archive).toBe(removed.archives[0]);
  });

  test('never gives its number to another: others may know it by that', async () => {
    const { backups, version, objects } = await setting();
    const [first, second] = [await version('one'), await version('two')];
    expect([first.generation, second.generation]).toEqual([1, 2]);
    await backups.delete(2, { signal: noAbort(), force: true });
    // Not even after a sweep of everything that nobody needs.
    await backups.sweepOrphans(Number.MAX_SAFE_INTEGER, noAbort());
    const third = await version('three');
    expect(third).toMatchObject({ generation: 3, previousGeneration: 1 });
    await backups.delete(3, { signal: noAbort(), force: true });
    await backups.delete(1, { signal: noAbort(), force: true });
    const fourth = await version('four');
    expect(fourth.generation).toBe(4);
    expect(fourth.previousGeneration).toBeUndefined();
    await backups.sweepOrphans(Number.MAX_SAFE_INTEGER, noAbort());
    expect((await readdir(join(objects, owner, 'workspaces', workspace, 'backups'))).length).toBe(2);
  });

  test('goes by number and age, never the newest, and never without a readable newest manifest', async () => {
    const { backups, version, objects, scratch } = await setting();
    for (const text of ['one', 'two', 'three', 'four']) await version(text);
    const kept = { keepCount: 2, keepAgeMs: 3_600_000 };
    expect((await backups.retain(kept, { signal: noAbort(), nowMs: Date.now() })).generations).toEqual([]);
    const old = { keepCount: 2, keepAgeMs: -1 };
    expect(
      (await backups.retain(old, { signal: noAbort(), nowMs: Date.now(), dryRun: true })).generations,
    ).toEqual([1, 2]);
    const path = join(objects, owner, 'workspaces', workspace, 'backups/000000000004.manifest.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, '{');
    await expect(backups.retain(old, { signal: noAbort(), nowMs: Date.now() })).rejects.toMatchObject({
      code: 'manifest-unreadable',
    });
    await writeFile(path, text);
    expect((await backups.retain(old, { signal: noAbort(), nowMs: Date.now() })).generations).toEqual([1, 2]);
    expect(
      (await backups.retain({ ...old, keepCount: 0 }, { signal: noAbort(), nowMs: Date.now() })).generations,
    ).toEqual([3]);
    const [last] = await backups.list(noAbort());
    const manifest = await backups.read(last?.generation ?? 0, noAbort());
    await backups.restore(manifest, await scratch(), { signal: noAbort() });
  });
});

test('a retention that takes what a running instance builds on costs it a full backup, and nothing else', async () => {
  const { backups, content, version, scratch } = await setting();
  await version('one');
  const second = await version('two');
  // Another node made an old version the newest, and its retention let the rest go.
  await backups.promote(1, noAbort());
  await backups.retain({ keepCount: 1, keepAgeMs: -1 }, { signal: noAbort(), nowMs: Date.now() });
  await backups.sweepOrphans(Date.now() + 1_000, noAbort());
  await writeFile(join(content, 'text'), 'three');
  const { manifest } = await backups.create(content, backupOptions(content));
  expect(manifest.parts.map(({ kind }) => kind)).toEqual(['full']);
  expect(second.parts.map(({ kind }) => kind)).toEqual(['full', 'increment']);
  const target = await scratch();
  await backups.restore(manifest, target, { signal: noAbort() });
  expect(await readFile(join(target, 'text'), 'utf8')).toBe('three');
});

describe('content that shrank to almost nothing', () => {
  const shrink = { minEntries: 5, minBytes: 1_000, share: 0.5 };

  test.each([
    ['entries', async (content: string) => rm(join(content, 'many'), { recursive: true })],
    ['bytes', async (content: string) => truncate(join(content, 'large'), 10)],
  ])('of %s is backed up only when that is accepted', async (_, lose) => {
    const { backups, content, version, archives } = await setting({ shrink });
    await mkdir(join(content, 'many'));
    for (let file = 0; file < 20; file += 1) await writeFile(join(content, `many/${file}`), '');
    await writeFile(join(content, 'large'), 'x'.repeat(5_000));
    await version('one');
    const before = await archives();
    await lose(content);
    const options = { ...backupOptions(content), policy: { ...policy, shrink } };
    await expect(backups.create(content, options)).rejects.toMatchObject({ code: 'backup-suspicious' });
    expect((await backups.list(noAbort())).length).toBe(1);
    expect(await archives()).toEqual(before);
    expect(await backups.create(content, { ...options, acceptShrink: true })).toMatchObject({
      kind: 'committed',
    });
  });
});

describe('excludes', () => {
  test('of the configuration and of the content keep things out of full ones, increments and the tree', async () => {
    const { backups, content, scratch } = await setting();
    const options = {
      ...backupOptions(content),
      policy: { ...policy, excludes: ['*.tmp', '/cache/', 'deep/out?'] },
    };
    await writeFile(join(content, '.stewardignore'), '# mine\n\nnode_modules\n');
    for (const folder of ['cache/sub', 'keep/cache', 'a/node_modules/x', 'deep', 'other/deep']) {
      await mkdir(join(content, folder), { recursive: true });
      await writeFile(join(content, folder, 'out1'), 'x');
    }
    await writeFile(join(content, 'a/x.tmp'), 'x');
    const restored = async (manifest: BackupManifest) => {
      const target = await scratch();
      expect(await backups.prove(manifest, target, { signal: noAbort() })).toMatchObject({ kind: 'proven' });
      return (await readdir(target, { recursive: true })).sort();
    };
    const kept = ['.stewardignore', 'a', 'cache', 'deep', 'keep', 'keep/cache', 'keep/cache/out1'];
    const others = ['other', 'other/deep', 'other/deep/out1'];
    const { manifest: first } = await backups.create(content, options);
    expect(await restored(first)).toEqual([...kept, ...others].sort());
    await writeFile(join(content, 'b.tmp'), 'x');
    await writeFile(join(content, 'a/new'), 'x');
    const { manifest: second } = await backups.create(content, options);
    expect(second.parts.length).toBe(2);
    expect(await restored(second)).toEqual([...kept, ...others, 'a/new'].sort());
    await appendFile(join(content, '.stewardignore'), 'new\n');
    expect(await backups.create(content, options)).toMatchObject({
      fullBecause: expect.stringContaining('excluded'),
    });
  });

  test.each([
    ['.*', ['.d', '.stewardignore', '.x', 'a/.x']],
    ['?', ['a', 'a/b', 'b']],
    ['.*/', ['.d/in']],
    ['*/', ['.d/in', 'a/.x', 'a/b', 'a/long']],
    ['*.*', ['.stewardignore', '.x', '.d', 'a/.x', 'x.y', 'z.']],
    ['*.', ['z.']],
    ['*', ['.stewardignore', '.x', '.d', 'a', 'b', 'x.y', 'z.', 'long']],
  ])('that every name at the root looks like (%s) take none but those', async (pattern, gone) => {
    const { backups, content, scratch } = await setting();
    const all = [
      '.d',
      '.d/in',
      '.stewardignore',
      '.x',
      'a',
      'a/.x',
      'a/b',
      'a/long',
      'b',
      'long',
      'x.y',
      'z.',
    ];
    for (const folder of ['.d', 'a']) await mkdir(join(content, folder));
    for (const name of all) if (name !== '.d' && name !== 'a') await writeFile(join(content, name), name);
    await writeFile(join(content, '.stewardignore'), `${pattern}\n`);
    const { manifest } = await backups.create(content, { ...backupOptions(content), policy });
    const target = await scratch();
    expect(await backups.prove(manifest, target, { signal: noAbort() })).toMatchObject({ kind: 'proven' });
    const isGone = (name: string) => gone.some((one) => name === one || name.startsWith(`${one}/`));
    const found = await readdir(target, { recursive: true });
    expect(found.sort()).toEqual(all.filter((name) => !isGone(name)).sort());
  });

  test.each([
    ['is a link to elsewhere', (path: string) => symlink('/etc/passwd', path), 'no file'],
    ['is a folder', (path: string) => mkdir(path), 'no file'],
    ['is huge', (path: string) => writeFile(path, 'x\n'.repeat(100_000)), 'larger'],
    ['holds what is not known', (path: string) => writeFile(path, '!a\n../b\n[c]\n**\n'), 'holds'],
  ])('are a warning and not a failure when .stewardignore %s', async (_, make, warning) => {
    const { backups, content } = await setting();
    await make(join(content, '.stewardignore'));
    const warnings: string[] = [];
    const options = { ...backupOptions(content), policy, onWarning: (text: string) => warnings.push(text) };
    expect(await backups.create(content, options)).toMatchObject({ kind: 'committed' });
    expect(warnings.join('\n')).toContain(warning);
  });
});

async function setting(changed: Partial<typeof policy> = {}) {
  const folder = await temporaryFolder();
  const place = newPlace(folder);
  const content = await contentFolder(place, join(folder, 'content'));
  const backups = new BackupRepository(place, owner, workspace);
  const version = async (text: string) => {
    await writeFile(join(content, 'text'), text);
    const options = { ...backupOptions(content), policy: { ...policy, ...changed } };
    return (await backups.create(content, options)).manifest;
  };
  const scratches: string[] = [];
  const scratch = async () => {
    scratches.push(await contentFolder(place, join(folder, `scratch-${scratches.length}`)));
    return scratches.at(-1) ?? '';
  };
  const archives = async () => {
    const names = await readdir(join(place.objects, owner, 'workspaces', workspace, 'backups'));
    return names.filter((name) => !name.endsWith('.json')).sort();
  };
  return { folder, place, objects: place.objects, content, backups, version, scratch, archives };
}
