import { chmod, link, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Placement, putInto } from '../../src/content/put-into.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { contentFolder, contentUser, newPlace, noAbort } from './support/place.js';

let folder: string;
let tree: string;
let content: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  tree = join(folder, 'tree');
  await mkdir(join(tree, 'deep'), { recursive: true });
  await writeFile(join(tree, 'deep', 'lost.txt'), 'found again');
  content = await contentFolder(newPlace(folder), join(folder, 'content'));
});

describe('putting restored things into content in use', () => {
  it('brings a file back, makes the folders it needs, and leaves nothing else behind', async () => {
    expect(await put({ from: 'deep/lost.txt', to: 'new/below/lost.txt' })).toEqual([]);
    expect(await text('new/below/lost.txt')).toBe('found again');
    expect(await readdir(content)).toEqual(['new']);
    const { uid } = await stat(join(content, 'new', 'below'));
    expect(uid).toBe(contentUser?.uid ?? process.getuid?.());
  });

  it('keeps what is in the way under a name that it tells', async () => {
    await mkdir(join(content, 'deep'));
    await writeFile(join(content, 'deep', 'lost.txt'), 'newer');
    await writeFile(join(content, 'deep', 'other.txt'), 'stays');
    const [aside, ...more] = await put({ from: 'deep/lost.txt', to: 'deep/lost.txt' });
    expect(more).toEqual([]);
    expect(aside?.path).toBe('deep/lost.txt');
    expect(aside?.keptAs).toMatch(/^deep\/lost\.txt\.before-restore-/);
    expect(await text(aside?.keptAs ?? '')).toBe('newer');
    expect(await text('deep/lost.txt')).toBe('found again');
    expect(await text('deep/other.txt')).toBe('stays');
  });

  it('puts whole folders back with modes, times, links and hard links, and sets a folder in the way aside', async () => {
    await chmod(join(tree, 'deep', 'lost.txt'), 0o4751);
    await symlink('../../outside', join(tree, 'deep', 'link'));
    await link(join(tree, 'deep', 'lost.txt'), join(tree, 'deep', 'twin'));
    await mkdir(join(content, 'deep'));
    await writeFile(join(content, 'deep', 'mine'), 'kept');
    const [aside] = await put({ from: 'deep', to: 'deep' });
    expect(await text(`${aside?.keptAs}/mine`)).toBe('kept');
    const before = await stat(join(tree, 'deep', 'lost.txt'));
    const after = await stat(join(content, 'deep', 'lost.txt'));
    expect([after.mode, after.mtimeMs, after.nlink]).toEqual([before.mode, before.mtimeMs, 2]);
    expect(await readlink(join(content, 'deep', 'link'))).toBe('../../outside');
  });

  it('writes nothing through a link that the workspace has planted', async () => {
    const outside = join(folder, 'outside');
    await mkdir(outside);
    await symlink(outside, join(content, 'deep'));
    const refused = put({ from: 'deep/lost.txt', to: 'deep/lost.txt' });
    await expect(refused).rejects.toMatchObject({ code: 'path-refused' });
    expect(await readdir(outside)).toEqual([]);
    expect(await readdir(content)).toEqual(['deep']);
  });

  it('replaces a link in the place of the thing itself, and not what it points to', async () => {
    const outside = join(folder, 'outside');
    await writeFile(outside, 'untouched');
    await symlink(outside, join(content, 'lost.txt'));
    const [aside] = await put({ from: 'deep/lost.txt', to: 'lost.txt' });
    expect(await readlink(join(content, aside?.keptAs ?? ''))).toBe(outside);
    expect(await readFile(outside, 'utf8')).toBe('untouched');
    expect(await text('lost.txt')).toBe('found again');
  });

  it('takes nothing that an archive only reaches through a link of its own', async () => {
    await writeFile(join(folder, 'secret'), 'of the node');
    await symlink(folder, join(tree, 'way-out'));
    const refused = put({ from: 'way-out/secret', to: 'secret' });
    await expect(refused).rejects.toMatchObject({ code: 'path-not-found' });
    expect(await readdir(content)).toEqual([]);
  });

  it('says which path a version does not hold, before anything is touched', async () => {
    const refused = put({ from: 'deep/lost.txt', to: 'lost.txt' }, { from: 'no/such', to: 'such' });
    await expect(refused).rejects.toThrow('no/such');
    expect(await readdir(content)).toEqual([]);
  });

  it('takes names as they are: blanks, dashes, quotes, newlines, and the longest there can be', async () => {
    const long = 'ä'.repeat(127);
    const names = ['-rf', ' a b ', `'"$(x)`, 'two\nlines\n', '*', long];
    for (const name of names) {
      await mkdir(join(tree, name));
      await writeFile(join(tree, name, name), name);
    }
    const placements = names.map((name) => ({ from: `${name}/${name}`, to: `${name}/${name}` }));
    expect(await put(...placements)).toEqual([]);
    const again = await put(...placements);
    expect(again.map(({ path }) => path)).toEqual(placements.map(({ to }) => to));
    for (const name of names) expect(await text(`${name}/${name}`)).toBe(name);
    for (const { keptAs } of again) expect((await stat(join(content, keptAs))).isFile()).toBe(true);
  });

  it('sweeps away what an interrupted restore left', async () => {
    await mkdir(join(content, '.steward-restore', '0'), { recursive: true });
    await put({ from: 'deep', to: 'deep' });
    expect(await readdir(content)).toEqual(['deep']);
  });

  it('ends, and leaves the content as it was, when it is given up', async () => {
    const leaving = new AbortController();
    leaving.abort(new Error('gone'));
    const given = putInto(realWorld(), tree, content, [{ from: 'deep', to: 'deep' }], {
      user: contentUser,
      signal: leaving.signal,
    });
    await expect(given).rejects.toThrow('gone');
    expect(await readdir(content)).toEqual([]);
  });
});

function put(...placements: readonly Placement[]) {
  return putInto(realWorld(), tree, content, placements, { user: contentUser, signal: noAbort() });
}

function text(path: string): Promise<string> {
  return readFile(join(content, path), 'utf8');
}
