import {
  appendFile,
  chmod,
  chown,
  lchown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { xattrArchive } from '../../src/cli/checks/xattr-archive.js';
import { run } from './run.js';
import { say } from './say.js';

/** Whom content belongs to when root runs the system. */
const WORKSPACE_ID = 33_333;
const SPARSE_BYTES = 8 * 1024 * 1024;
const isRoot = process.getuid?.() === 0;

/** Works in a workspace as people and their tools do, with everything that backups often lose. */
export async function workIn(content: string, checkout: string): Promise<void> {
  await changeGit(join(content, checkout));
  const folder = join(content, 'work');
  await mkdir(folder);
  await makeFiles(folder);
  await makeNames(join(folder, 'names'));
  await makeXattr(folder);
  // Before set-id bits and owners: changing the owner takes those away.
  if (isRoot) await giveAway(Buffer.from(content));
  await makeModes(folder);
  await setTimes(folder);
}

/** A commit of its own, a changed file, a staged one and an untracked one. */
async function changeGit(checkout: string): Promise<void> {
  const git = (...args: string[]) => {
    const settings = [
      'safe.directory=*',
      'user.name=Ada',
      'user.email=ada@example.org',
      'commit.gpgSign=false',
    ];
    const flags = settings.flatMap((setting) => ['-c', setting]);
    return run('git', ['-C', checkout, ...flags, ...args]);
  };
  await git('checkout', '--quiet', '-b', 'my-work');
  await writeFile(join(checkout, 'committed.txt'), 'committed here, pushed nowhere\n');
  await git('add', 'committed.txt');
  await git('commit', '--quiet', '-m', 'Work that exists nowhere else');
  await appendFile(join(checkout, 'committed.txt'), 'changed since\n');
  await writeFile(join(checkout, 'staged.txt'), 'staged\n');
  await git('add', 'staged.txt');
  await writeFile(join(checkout, 'untracked.txt'), 'untracked\n');
  say.good('git: a branch with a commit of its own, a changed, a staged and an untracked file');
}

async function makeFiles(folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  await writeFile(at('plain'), 'some text\n');
  await writeFile(at('empty'), '');
  await link(at('plain'), at('hard-link'));
  await symlink('plain', at('link'));
  await symlink('../nowhere/at all', at('dangling'));
  await mkdir(at('empty-folder'));
  const sparse = await open(at('sparse'), 'w');
  await sparse.write('begins', 0);
  await sparse.write('ends', SPARSE_BYTES - 4);
  await sparse.close();
  say.good('a hard link, symbolic links (one dangling), an empty folder, a sparse file');
}

async function makeNames(folder: string): Promise<void> {
  await mkdir(folder);
  const names = [
    ' blank ',
    '-rf',
    'two\nlines',
    'quote"\'\\',
    'día 日本 🚀',
    '.hidden',
    '*',
    '~',
    'x'.repeat(255),
  ];
  for (const name of names) await writeFile(join(folder, name), JSON.stringify(name));
  const notUtf8 = Buffer.concat([Buffer.from(join(folder, 'latin1-')), Buffer.from([0xe9, 0xff])]);
  await writeFile(notUtf8, 'a name that is no UTF-8').catch(() =>
    say.skipped('this file system takes UTF-8 names only'),
  );
  const found = await readdir(folder);
  say.good(
    `${found.length} unusual names: blanks, newlines, dashes, emoji, 255 letters, bytes that are no UTF-8`,
  );
}

/** Node cannot set extended attributes, so GNU tar unpacks a file that has one. */
async function makeXattr(folder: string): Promise<void> {
  const archive = xattrArchive('attributed', 'user.steward', 'kept');
  await run('tar', ['--xattrs', '--xattrs-include=*', '-xf', '-', '-C', folder], { input: archive });
  const read = await run('tar', ['--format=pax', '--xattrs', '-cf', '-', '-C', folder, 'attributed']);
  if (read.includes('SCHILY.xattr.user.steward=kept')) say.good('an extended attribute');
  else say.skipped('extended attributes: this file system does not keep them');
}

async function giveAway(path: Buffer): Promise<void> {
  await lchown(path, WORKSPACE_ID, WORKSPACE_ID);
  if (!(await lstat(path)).isDirectory()) return;
  for (const name of await readdir(path, { encoding: 'buffer' })) {
    await giveAway(Buffer.concat([path, Buffer.from('/'), name]));
  }
}

async function makeModes(folder: string): Promise<void> {
  const at = (name: string) => join(folder, name);
  for (const [name, mode] of [
    ['secret', 0o600],
    ['script', 0o755],
    ['set-id', 0o6755],
    ['locked', 0o000],
  ] as const) {
    await writeFile(at(name), `mode ${mode.toString(8)}\n`);
    if (isRoot) await chown(at(name), WORKSPACE_ID, WORKSPACE_ID);
    // Nobody but root could read a file without any rights, not even to compare it.
    await chmod(at(name), mode === 0 && !isRoot ? 0o400 : mode);
  }
  await mkdir(at('sticky'));
  await chmod(at('sticky'), 0o1777);
  await mkdir(at('read-only'));
  await writeFile(at('read-only/inside'), 'nobody may change this\n');
  if (isRoot) {
    await chown(at('secret'), 12_345, 54_321);
    await chown(at('read-only'), 1_000, 1_000);
  }
  await chmod(at('read-only'), 0o555);
  const owners = isRoot ? ', owners' : '';
  if (!isRoot) say.skipped('owners: only root can give files to others');
  say.good(`modes${owners}, set-id and sticky bits, a read-only folder`);
}

async function setTimes(folder: string): Promise<void> {
  // Seconds with fractions; Node passes them on to the microsecond.
  await utimes(join(folder, 'plain'), 1_234_567_890.125, 1_234_567_890.654_321);
  await utimes(join(folder, 'empty-folder'), 86_400.5, 86_400.5);
  say.good('times below a second, and old ones');
}
