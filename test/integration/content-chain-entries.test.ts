import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  chown,
  lchown,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  attributesOf,
  canRemoveAttributes,
  removeAttribute,
  setAttributes,
} from '../content/support/attributes.js';
import { chainSetting } from '../content/support/chain-setting.js';
import { isRoot } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';

type Setting = Awaited<ReturnType<typeof chainSetting>>;

/** Everything of it, attributes too. */
async function everythingIn(folder: string) {
  return { tree: await describeTree(folder), attributes: attributesOf(folder), bytes: rawNames(folder) };
}

/** Names as bytes, which text cannot show. */
function rawNames(folder: string): string {
  return execFileSync('sh', ['-c', 'find . -printf "%P\\0" | LC_ALL=C sort -z | od -An -c'], {
    cwd: folder,
    encoding: 'utf8',
  });
}

/** A backup, and whether it restores to what is there. */
async function roundTrip({ create, restored, content }: Setting, parts: number) {
  const { manifest } = await create();
  expect(manifest.parts.length).toBe(parts);
  expect(manifest.tree?.isExact).toBe(true);
  const folder = await restored(manifest.generation);
  expect(await everythingIn(folder)).toEqual(await everythingIn(content));
  return { manifest, folder };
}

const ids = isRoot ? [0, 33333, 65534, 4_000_000] : [];

test('modes, owners, kinds, links, names and times come back from a full archive and from increments', async () => {
  const setting = await chainSetting();
  const at = (...names: string[]) => join(setting.content, ...names);
  await writeFile(at('unchanged'), 'since the beginning');
  await fill(at('first'));
  await roundTrip(setting, 1);
  await fill(at('second'));
  await chmod(at('first/set user'), 0o2755);
  await utimes(at('first/empty'), 1_600_000_000.123456, 1_600_000_000.654321);
  for (const id of ids) await lchown(at('first', `of ${id}`), 1000 + id, id);
  await rm(at('first/fifo'));
  await symlink('..', at('first/fifo'));
  await chmod(at('first/read only'), 0o755);
  await rm(at('first/read only/inside'));
  await writeFile(at('first/read only/other'), 'after');
  await chmod(at('first/read only'), 0o555);
  await roundTrip(setting, 2);
  await chmod(at('first/read only'), 0o755);
  await rm(at('first'), { recursive: true });
  await fill(at('first'));
  await roundTrip(setting, 3);
  // So that an ordinary user can clean up.
  execFileSync('chmod', ['-R', 'u+rwX', setting.folder]);
});

async function fill(folder: string): Promise<void> {
  const at = (...names: string[]) => join(folder, ...names);
  await mkdir(at('deep/er'), { recursive: true });
  for (const [name, mode] of [
    ['set user', 0o4755],
    ['set group', 0o2711],
    ['sticky', 0o1644],
    ['not readable by others', 0o600],
  ] as const) {
    await writeFile(at(name), name);
    await chmod(at(name), mode);
  }
  await chmod(at('deep'), 0o3775);
  for (const id of ids) {
    await writeFile(at(`of ${id}`), 'x');
    await chown(at(`of ${id}`), id, id);
  }
  execFileSync('mkfifo', [at('fifo')]);
  await symlink('deep', at('to a folder'));
  await symlink('nowhere/at all', at('dangling'));
  await writeFile(at('empty'), '');
  await utimes(at('empty'), 1_234_567_890.123456, 1_234_567_890.123456);
  await writeFile(at('sparse'), 'head');
  await truncate(at('sparse'), 20_000_000);
  await writeFile(at('.wh.hidden'), 'no whiteout');
  await mkdir(at('.wh..wh..opq'));
  for (const name of [
    'new\nline',
    '"quoted"',
    "it's",
    '-rf',
    '--checkpoint-action=exec=false',
    '*',
    'back\\slash',
    ' ',
    'ü',
    '\t',
    '\\012',
  ]) {
    await writeFile(at(name), name);
  }
  for (const octets of [[0xff, 0xfe], [0xc3], [0x80, 0x0a, 0x22]]) {
    await writeFile(Buffer.concat([Buffer.from(at('not utf-8 ')), Buffer.from(octets)]), 'x');
    const folderName = Buffer.concat([Buffer.from(at('folder ')), Buffer.from(octets)]);
    await mkdir(folderName);
    await writeFile(Buffer.concat([folderName, Buffer.from('/inside')]), 'x');
  }
  const long = at(...Array.from({ length: 6 }, (_, index) => `${index}`.repeat(100)));
  await mkdir(long, { recursive: true });
  await writeFile(join(long, 'n'.repeat(255)), 'long');
  await symlink('t'.repeat(1000), join(long, 'long target'));
  await mkdir(at('read only'));
  await writeFile(at('read only/inside'), 'kept');
  await chmod(at('read only'), 0o555);
}

test('names of one file come and go with increments, and what is left is one file', async () => {
  const setting = await chainSetting();
  const at = (name: string) => join(setting.content, name);
  await mkdir(at('folder'));
  await writeFile(at('a'), 'linked');
  await link(at('a'), at('folder/b'));
  await writeFile(at('alone'), 'one name');
  await roundTrip(setting, 1);
  await rm(at('a'));
  await link(at('alone'), at('folder/not alone'));
  await roundTrip(setting, 2);
  await link(at('folder/b'), at('a'));
  await link(at('folder/b'), at('0'));
  await rm(at('folder/not alone'));
  await roundTrip(setting, 3);
  await writeFile(at('a'), 'written through one name');
  const { folder } = await roundTrip(setting, 4);
  expect((await stat(join(folder, 'folder/b'))).nlink).toBe(3);
  expect((await stat(join(folder, 'alone'))).nlink).toBe(1);
});

test('a socket is left out by rule, and the backup is exact all the same', async () => {
  const setting = await chainSetting();
  const server = createServer().listen(join(setting.content, 'socket'));
  await once(server, 'listening');
  await writeFile(join(setting.content, 'a'), 'x');
  const first = await setting.create();
  await writeFile(join(setting.content, 'a'), 'y');
  const second = await setting.create();
  server.close();
  for (const { manifest } of [first, second]) {
    expect(manifest.tree).toMatchObject({ isExact: true, entries: 2 });
    expect(await readdir(await setting.restored(manifest.generation))).toEqual(['a']);
  }
});

/** A node alone is data: what it reaches is for the kernel to allow, and namespaces of workspaces do not. */
test.skipIf(!isRoot)('device nodes of backups of our own are kept, as root', async () => {
  const setting = await chainSetting();
  const node = (folder: string) =>
    execFileSync('stat', ['-c', '%F %t:%T %a', 'null', 'block'], { cwd: folder, encoding: 'utf8' });
  execFileSync('mknod', ['-m', '640', join(setting.content, 'null'), 'c', '1', '3']);
  await setting.create();
  execFileSync('mknod', ['-m', '600', join(setting.content, 'block'), 'b', '7', '0']);
  const { folder } = await roundTrip(setting, 2);
  expect(node(folder)).toBe(node(setting.content));
  expect(node(folder)).toContain('character special file 1:3 640');
});

describe('extended attributes, capabilities and ACLs', () => {
  /** Where an ordinary user's restore is confined, it knows no others: see docs/architecture/backups.md. */
  const other = isRoot ? 4711 : (process.getuid?.() ?? 0);
  const note = { 'SCHILY.xattr.user.note': 'hello' };
  const acl = { 'SCHILY.acl.access': `user::rwx,user:${other}:r--,group::r-x,mask::r-x,other::r-x` };
  const inherited = {
    'SCHILY.acl.default': `user::rwx,user:${other}:rwx,group::r-x,mask::rwx,other::---`,
  };
  /** `cap_net_bind_service=ep`, revision 2. */
  const capability = {
    'SCHILY.xattr.security.capability': `\x01\0\0\x02\0\x04${'\0'.repeat(14)}`,
  };

  const filled = async () => {
    const setting = await chainSetting();
    const at = (name: string) => join(setting.content, name);
    await mkdir(at('folder/inner'), { recursive: true });
    await writeFile(at('folder/inner/text'), 'kept');
    await writeFile(at('file'), 'one');
    await writeFile(at('program'), '');
    return { setting, at };
  };

  test('added, changed and removed on files come back as they were', async () => {
    const { setting, at } = await filled();
    await roundTrip(setting, 1);
    await setAttributes(at('file'), { ...note, ...acl }, 'one');
    if (isRoot) await setAttributes(at('program'), capability, 'binary');
    const second = await roundTrip(setting, 2);
    const expected = { 'SCHILY.xattr.user.note': Buffer.from('hello').toString('hex') };
    expect(attributesOf(second.folder)['./file']).toMatchObject(expected);
    if (isRoot) expect(attributesOf(second.folder)['./program']).toBeDefined();
    await setAttributes(
      at('file'),
      { 'SCHILY.xattr.user.note': 'changed', 'SCHILY.xattr.user.more': '1' },
      'one',
    );
    await roundTrip(setting, 3);
    await rm(at('file'));
    await writeFile(at('file'), 'one');
    if (isRoot) await chown(at('program'), 4711, 4711);
    const { folder } = await roundTrip(setting, 4);
    expect(attributesOf(folder)).toEqual({});
  });

  test('added and changed on folders come back as they were', async () => {
    const { setting, at } = await filled();
    await setAttributes(at('folder'), note);
    await roundTrip(setting, 1);
    await setAttributes(at('folder'), { ...acl, ...inherited });
    await setAttributes(at('folder/inner'), note);
    await roundTrip(setting, 2);
    await setAttributes(at('folder'), { 'SCHILY.xattr.user.note': 'changed' });
    await roundTrip(setting, 3);
  });

  test('of a folder that another one took the place of do not come back', async () => {
    const { setting, at } = await filled();
    await setAttributes(at('folder'), { ...note, ...acl, ...inherited });
    await setAttributes(at('folder/inner'), note);
    await roundTrip(setting, 1);
    await rename(at('folder'), at('away'));
    await mkdir(at('folder'));
    await rename(at('away/inner'), at('folder/inner'));
    await rmdir(at('away'));
    const { folder } = await roundTrip(setting, 2);
    expect(Object.keys(attributesOf(folder))).toEqual(['./folder/inner/']);
    expect(await readFile(join(folder, 'folder/inner/text'), 'utf8')).toBe('kept');
  });

  test.skipIf(!canRemoveAttributes)('removed from files and folders do not come back', async () => {
    const { setting, at } = await filled();
    await setAttributes(at('folder'), { ...note, ...acl, ...inherited });
    await setAttributes(at('folder/inner'), { ...note, 'SCHILY.xattr.user.more': '1' });
    await setAttributes(at('file'), note, 'one');
    await roundTrip(setting, 1);
    removeAttribute(setting.content, 'folder', 'user.note');
    removeAttribute(setting.content, 'folder', 'system.posix_acl_access');
    removeAttribute(setting.content, 'folder', 'system.posix_acl_default');
    removeAttribute(setting.content, 'folder/inner', 'user.note');
    removeAttribute(setting.content, 'file', 'user.note');
    const { folder } = await roundTrip(setting, 2);
    expect(attributesOf(folder)).toEqual({
      './folder/inner/': { 'SCHILY.xattr.user.more': Buffer.from('1').toString('hex') },
    });
    await writeFile(at('file'), 'two');
    await roundTrip(setting, 3);
  });

  test.skipIf(!canRemoveAttributes)('removed from the root do not come back', async () => {
    const { setting, at } = await filled();
    const { content } = setting;
    for (const name of ['-rf', '--', '*', '.hidden', 'new\nline']) await writeFile(at(name), name);
    await writeFile(Buffer.concat([Buffer.from(at('x')), Buffer.from([0xff])]), 'not utf-8');
    await mkdir(at('closed/inside'), { recursive: true });
    await chmod(at('closed'), 0o555);
    await setAttributes(content, { ...note, ...acl, ...inherited, 'SCHILY.xattr.user.more': '1' });
    await roundTrip(setting, 1);
    removeAttribute(content, '.', 'user.note');
    removeAttribute(content, '.', 'system.posix_acl_access');
    removeAttribute(content, '.', 'system.posix_acl_default');
    const { folder } = await roundTrip(setting, 2);
    expect(attributesOf(folder)).toEqual({
      './': { 'SCHILY.xattr.user.more': Buffer.from('1').toString('hex') },
    });
    await writeFile(at('file'), 'two');
    await setAttributes(content, note);
    await roundTrip(setting, 3);
    removeAttribute(content, '.', 'user.note');
    removeAttribute(content, '.', 'user.more');
    const { folder: bare } = await roundTrip(setting, 4);
    expect(attributesOf(bare)).toEqual({});
    // So that an ordinary user can clean up.
    execFileSync('chmod', ['-R', 'u+rwX', setting.folder]);
  });
});
