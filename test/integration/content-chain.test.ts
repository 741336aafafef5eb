import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/content/manifest.js';
import { chainSetting } from '../content/support/chain-setting.js';
import { noAbort } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';

test('an increment holds what changed, and its chain restores exactly', async () => {
  const { backups, content, create, restored } = await chainSetting();
  for (let file = 0; file < 50; file += 1) await writeFile(join(content, `file-${file}`), 'x'.repeat(20_000));
  await pause();
  await create();
  await writeFile(join(content, 'file-7'), 'other');
  await rm(join(content, 'file-8'));
  const { manifest } = await create();
  expect(manifest.parts.map(({ kind }) => kind)).toEqual(['full', 'increment']);
  expect(manifest.change).toMatchObject({ writtenFiles: 1, entriesDelta: -1 });
  expect(await describeTree(await restored(manifest.generation))).toEqual(await describeTree(content));
  expect((await backups.list(noAbort())).length).toBe(2);
});

test('of an unchanged workspace nothing is stored, not even by another daemon on the same machine', async () => {
  const { content, create, objects, backups } = await chainSetting();
  await mkdir(join(content, 'empty'));
  await writeFile(join(content, 'a'), 'one');
  const first = await create();
  const before = await filesBelow(objects);
  expect(await create()).toEqual({ kind: 'unchanged', manifest: first.manifest });
  expect(await filesBelow(objects)).toEqual(before);
  expect(await backups.latest(noAbort())).toEqual(first.manifest);
});

test.each([
  ['the mode of a folder', (content: string) => chmod(join(content, 'empty'), 0o700)],
  ['the time of a folder', (content: string) => utimes(join(content, 'empty'), 1, 1)],
  ['the mode of the root', (content: string) => chmod(content, 0o750)],
  [
    'a file’s bytes, with its old time and size',
    async (content: string) => {
      await writeFile(join(content, 'a'), 'two');
      await utimes(join(content, 'a'), 7, 7);
    },
  ],
])('a change of %s is a change', async (_, change) => {
  const { content, create, restored } = await chainSetting();
  await mkdir(join(content, 'empty'));
  await writeFile(join(content, 'a'), 'one');
  await utimes(join(content, 'a'), 7, 7);
  await create();
  await change(content);
  const outcome = await create();
  expect(outcome.kind).toBe('committed');
  expect(await describeTree(await restored(outcome.manifest.generation))).toEqual(
    await describeTree(content),
  );
});

describe('after a restore', () => {
  test('the first backup is small although every inode is new, and an untouched one is no backup', async () => {
    const { content, create, elsewhere, restored } = await chainSetting();
    for (let file = 0; file < 50; file += 1) {
      await writeFile(join(content, `file-${file}`), `${file}`.repeat(5_000));
    }
    const { manifest } = await create();
    const next = await elsewhere(manifest.generation, { isSeeded: true });
    expect((await next.create()).kind).toBe('unchanged');
    await appendFile(join(next.content, 'file-3'), 'more');
    const outcome = await next.create();
    expect(outcome).toMatchObject({ kind: 'committed', manifest: { change: { writtenFiles: 1 } } });
    expect(await describeTree(await restored(outcome.manifest.generation))).toEqual(
      await describeTree(next.content),
    );
  });

  test('without the seed everything goes into it, as a full one', async () => {
    const { content, create, elsewhere } = await chainSetting();
    await writeFile(join(content, 'a'), 'one');
    const { manifest } = await create();
    const next = await elsewhere(manifest.generation, { isSeeded: false });
    expect(await next.create()).toMatchObject({ fullBecause: expect.stringContaining('no listing') });
  });

  test('content that is not what the backup restores is not listed as it', async () => {
    const { content, create, elsewhere } = await chainSetting();
    await writeFile(join(content, 'a'), 'one');
    const { manifest } = await create();
    const next = await elsewhere(manifest.generation, {
      isSeeded: true,
      beforeSeed: (folder) => writeFile(join(folder, 'of the initializer'), 'x'),
    });
    expect(await next.create()).toMatchObject({ fullBecause: expect.any(String) });
  });
});

const hasPython = spawnSync('python3', ['-c', 'import mmap']).status === 0;

/** Needs a program that maps a file; where there is none, `sync -f` stands in the golden order of a backup only. */
test.skipIf(!hasPython)('what is written through memory after it was packed is in the next one', async () => {
  const { content, create, restored } = await chainSetting();
  await writeFile(join(content, 'mapped'), Buffer.alloc(4096, 'a'));
  const mapped = mapping(join(content, 'mapped'));
  try {
    // The page is dirty now: until it is written back, further writes leave the file's times alone.
    await mapped.write('b');
    await pause();
    await create();
    await mapped.write('c');
    const outcome = await create();
    expect(outcome.kind).toBe('committed');
    expect(await readFile(join(await restored(outcome.manifest.generation), 'mapped'), 'utf8')).toMatch(/^c/);
  } finally {
    mapped.close();
  }
});

describe('what tar does by itself, without what we do about it', () => {
  const listed = (content: string, listing: string) =>
    execFileSync(
      'sh',
      ['-c', 'tar -C "$0" --no-check-device -cvf /dev/null -g "$1" . 2>/dev/null', content, listing],
      { encoding: 'utf8' },
    )
      .split('\n')
      .filter((name) => name !== '' && !name.endsWith('/'));

  test('after a restore everything counts as changed', async () => {
    const { content, folder } = await chainSetting();
    const listing = join(folder, 'listing');
    await writeFile(join(content, 'a'), 'one');
    listed(content, listing);
    expect(listed(content, listing)).toEqual([]);
    const copy = join(folder, 'copy');
    execFileSync('cp', ['-a', content, copy]);
    expect(listed(copy, listing)).toEqual(['./a']);
  });

  test('when the clock was set back a change is left out', async () => {
    const { content, folder } = await chainSetting();
    const listing = join(folder, 'listing');
    await writeFile(join(content, 'a'), 'one');
    listed(content, listing);
    const text = await readFile(listing, 'latin1');
    const ahead = String(Math.floor(Date.now() / 1000) + 3600);
    await writeFile(listing, text.replace(/\n\d+\0/, `\n${ahead}\0`), 'latin1');
    await writeFile(join(content, 'a'), 'two');
    expect(listed(content, listing)).toEqual([]);
  });
});

test('a folder that reuses the number of one that is gone is not taken for it', async () => {
  const { content, create, restored } = await chainSetting();
  await mkdir(join(content, 'old/deep'), { recursive: true });
  await writeFile(join(content, 'old/deep/kept'), 'kept');
  await writeFile(join(content, 'elsewhere'), 'moved in');
  await utimes(join(content, 'elsewhere'), 1, 1);
  await create();
  const { ino } = await stat(join(content, 'old/deep'));
  await rm(join(content, 'old'), { recursive: true });
  // ext4 gives the number to one of the next folders; on other file systems this is an ordinary change.
  for (let folder = 0; folder < 20; folder += 1) {
    await mkdir(join(content, `new-${folder}`));
    if ((await stat(join(content, `new-${folder}`))).ino === ino) break;
  }
  const outcome = await create();
  expect(outcome.manifest.parts.length).toBe(2);
  expect(await describeTree(await restored(outcome.manifest.generation))).toEqual(
    await describeTree(content),
  );
});

test('a moved folder is archived whole, and files and folders and links may change places', async () => {
  const { content, create, restored } = await chainSetting();
  await mkdir(join(content, 'a/b'), { recursive: true });
  await writeFile(join(content, 'a/b/old file'), 'old');
  await utimes(join(content, 'a/b/old file'), 1, 1);
  await symlink('a', join(content, 'link'));
  await writeFile(join(content, 'file'), 'x');
  await create();
  await rename(join(content, 'a'), join(content, 'z'));
  await rm(join(content, 'link'));
  await mkdir(join(content, 'link'));
  await writeFile(join(content, 'link/inside'), 'a folder now');
  await rm(join(content, 'file'));
  await symlink('/etc', join(content, 'file'));
  const second = await create();
  expect(second.manifest.parts.length).toBe(2);
  expect(await describeTree(await restored(second.manifest.generation))).toEqual(await describeTree(content));
  await rm(join(content, 'link'), { recursive: true });
  await symlink('z', join(content, 'link'));
  await rm(join(content, 'file'));
  await mkdir(join(content, 'file'));
  const third = await create();
  expect(third.manifest.parts.length).toBe(3);
  expect(await describeTree(await restored(third.manifest.generation))).toEqual(await describeTree(content));
  expect((await readdir('/etc')).length).toBeGreaterThan(0);
});

test('a moved folder keeps the names that its files have elsewhere', async () => {
  const { content, create, restored } = await chainSetting();
  for (const folder of ['a', 'b']) await mkdir(join(content, folder));
  await writeFile(join(content, 'a/x'), 'one file');
  await link(join(content, 'a/x'), join(content, 'b/y'));
  await create();
  await rename(join(content, 'b'), join(content, 'c'));
  const second = await create();
  const found = await restored(second.manifest.generation);
  expect((await stat(join(found, 'c/y'))).ino).toBe((await stat(join(found, 'a/x'))).ino);
});

test('what was made newest meanwhile does not pass for what is in the folder', async () => {
  const { content, create, backups, restored } = await chainSetting();
  await writeFile(join(content, 'a'), 'one');
  const first = await create();
  await writeFile(join(content, 'a'), 'two');
  const second = await create();
  await backups.promote(first.manifest.generation, noAbort());
  const outcome = await create();
  expect(outcome).toMatchObject({ kind: 'committed', manifest: { generation: 4, promotedFrom: 2 } });
  expect(digestOf(outcome.manifest)).toEqual(digestOf(second.manifest));
  expect(await readFile(join(await restored(4), 'a'), 'utf8')).toBe('two');
  // From then on it is the newest that holds all of it: nothing more is stored, and older versions are not pushed out.
  expect(await create()).toEqual({ kind: 'unchanged', manifest: outcome.manifest });
  expect((await backups.list(noAbort())).map(({ generation }) => generation)).toEqual([1, 2, 3, 4]);
});

/** Longer than the margin within which files are archived again although they are there. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 150));
}

/** Another process that has the file mapped, and writes its first byte when asked. */
function mapping(path: string) {
  const script =
    'import mmap,sys\nf=open(sys.argv[1],"r+b")\nm=mmap.mmap(f.fileno(),0)\n' +
    'for line in sys.stdin:\n m[0]=ord(line[0])\n print("done",flush=True)';
  const child = spawn('python3', ['-c', script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    write: async (byte: string) => {
      child.stdin.write(`${byte}\n`);
      await once(child.stdout, 'data');
    },
    close: () => child.kill('SIGKILL'),
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
