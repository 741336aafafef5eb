import { execFileSync } from 'node:child_process';
import { appendFile, chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readGitStatus } from '../../src/content/git-status.js';
import { readGitStatuses } from '../../src/content/git-statuses.js';
import { confinementOf } from '../../src/isolation/probe.js';
import { commit, git } from '../content/support/git-server.js';
import { contentUser, isRoot, newPlace, noAbort } from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('a repository without commits has a branch and no commit', async () => {
  const { copy, status } = await setting();
  await writeFile(join(copy, 'new'), 'x');
  expect(await status()).toEqual({
    branch: 'main',
    latestCommit: '',
    uncommittedFiles: [],
    untrackedFiles: ['new'],
    unpushedCommits: [],
    totalUncommittedFiles: 0,
    totalUntrackedFiles: 1,
    totalUnpushedCommits: 0,
  });
});

test('a clean copy lists nothing, a detached one says so', async () => {
  const { copy, status } = await setting();
  const head = await commit(copy, { a: 'one' });
  pretendPushed(copy);
  expect(await status()).toMatchObject({
    branch: 'main',
    latestCommit: head,
    totalUncommittedFiles: 0,
    totalUntrackedFiles: 0,
    unpushedCommits: [],
  });
  git(copy, 'checkout', '-q', '--detach');
  expect(await status()).toMatchObject({ branch: '(detached)', latestCommit: head });
});

test('names are whole, whatever is in them, and a renamed file has its new one', async () => {
  const { copy, status } = await setting();
  await commit(copy, {
    'old name': 'some text that is long enough to be found again\n'.repeat(9),
    b: 'b',
    c: 'c',
  });
  await mkdir(join(copy, 'nested'));
  git(copy, 'mv', 'old name', 'nested/neuer Name ä');
  await writeFile(join(copy, 'b'), 'changed');
  await rm(join(copy, 'c'));
  await writeFile(join(copy, 'two\nlines "x"'), 'x');
  const found = await status();
  expect(found?.uncommittedFiles.toSorted()).toEqual(['b', 'c', 'nested/neuer Name ä']);
  expect(found?.untrackedFiles).toEqual(['two\nlines "x"']);
});

test('conflicts are uncommitted files', async () => {
  const { copy, status } = await setting();
  await commit(copy, { 'a b': 'one' });
  git(copy, 'checkout', '-q', '-b', 'other');
  await commit(copy, { 'a b': 'two' });
  git(copy, 'checkout', '-q', 'main');
  await commit(copy, { 'a b': 'three' });
  expect(() => git(copy, 'merge', 'other')).toThrow();
  expect(await status()).toMatchObject({ uncommittedFiles: ['a b'] });
});

test('commits of every branch that no remote has are unpushed', async () => {
  const { copy, status } = await setting();
  await commit(copy, { a: 'one' });
  pretendPushed(copy);
  const second = await commit(copy, { 'b with blank': 'two' });
  git(copy, 'checkout', '-q', '-b', 'topic');
  await commit(copy, { c: 'three' });
  git(copy, 'checkout', '-q', 'main');
  const found = await status();
  expect(found).toMatchObject({ totalUnpushedCommits: 2 });
  expect(found?.unpushedCommits).toContain(`${second.slice(0, 7)}: b with blank`);
});

test('long lists are cut, with a line that counts the rest', async () => {
  const { copy, status } = await setting();
  for (let index = 0; index < 150; index += 1) await writeFile(join(copy, `file-${index}`), 'x');
  const found = await status();
  expect(found?.untrackedFiles).toHaveLength(101);
  expect(found?.untrackedFiles.at(-1)).toBe('... and 50 more');
  expect(found?.totalUntrackedFiles).toBe(150);
});

test('a working copy whose .git is a file is one too', async () => {
  const { copy, content, status } = await setting();
  const head = await commit(copy, { a: 'one' });
  await rename(join(copy, '.git'), join(content, 'kept.git'));
  await writeFile(join(copy, '.git'), 'gitdir: ../kept.git\n');
  expect(await status()).toMatchObject({ latestCommit: head, totalUncommittedFiles: 0 });
});

test('what is no working copy has no status', async () => {
  const { content, copy, status, statusAt } = await setting();
  await mkdir(join(content, 'plain'));
  expect(await statusAt('plain')).toBeUndefined();
  expect(await statusAt('missing')).toBeUndefined();
  await symlink(copy, join(content, 'linked'));
  expect(await statusAt('linked')).toBeUndefined();
  await rm(join(copy, '.git'), { recursive: true });
  await mkdir(join(copy, '.git'));
  expect(await status()).toBeUndefined();
});

test('of several working copies every one has its status, and one that is broken keeps nobody else from his', async () => {
  const { world, content, copy, own } = await setting();
  await commit(copy, { a: 'one' });
  for (const name of ['second', 'broken', 'third']) {
    await mkdir(join(content, name));
    git(join(content, name), 'init', '-q');
  }
  await writeFile(join(content, 'third/new'), 'x');
  await writeFile(join(content, 'broken/.git/config'), '[core');
  own();
  const locations = ['copy', 'second', 'broken', 'none', 'third'];
  const { report, problems } = await readGitStatuses(world, content, locations, contentUser, noAbort());
  expect(report).toMatchObject({
    totalUncommittedFiles: 0,
    others: [{ location: 'second' }, { location: 'third', untrackedFiles: ['new'] }],
  });
  expect(problems).toEqual([expect.stringMatching(/^broken: /)]);
});

test('a working copy sees nothing of the others on the machine', async ({ skip }) => {
  const { base, world, copy, status } = await setting();
  skip((await confinementOf(world)).kind === 'open', 'this machine cannot confine');
  const other = join(base, 'other');
  await mkdir(other);
  git(other, 'init', '-q');
  const foreign = await commit(other, { secret: 'canary' });
  execFileSync('chmod', ['-R', 'a+rX', other]);
  // As the same user it could be read: the objects of the other workspace are borrowed.
  await writeFile(join(copy, '.git/objects/info/alternates'), `${join(other, '.git/objects')}\n`);
  await writeFile(join(copy, '.git/refs/heads/main'), `${foreign}\n`);
  expect(git(copy, 'log', '--format=%s')).toBe('secret');
  const found = await status().catch((error: unknown) => error);
  expect(JSON.stringify(found)).not.toContain('secret');
});

describe('a repository that names commands runs none of them', () => {
  test.each(['core.fsmonitor', 'filter.evil.clean'])('although plain git would run %s', async (key) => {
    const { content, copy } = await setting();
    const { ran, program } = await trap(content);
    await writeFile(join(copy, '.gitattributes'), '* filter=evil\n');
    await commit(copy, { a: 'one' });
    await appendFile(join(copy, '.git/config'), section(key, program));
    await writeFile(join(copy, 'a'), 'two');
    git(copy, 'status');
    expect(ran()).toBe(true);
  });

  test.each([
    ['core.fsmonitor', 'PROGRAM'],
    ['core.hooksPath', 'HOOKS'],
    ['filter.evil.clean', 'PROGRAM'],
    ['filter.evil.process', 'PROGRAM'],
    ['filter.evil.smudge', 'PROGRAM'],
    ['filter.with blank.and.dots.clean', 'PROGRAM'],
    ['diff.external', 'PROGRAM'],
    ['diff.evil.textconv', 'PROGRAM'],
    ['diff.evil.command', 'PROGRAM'],
    ['core.pager', 'PROGRAM'],
    ['pager.status', 'PROGRAM'],
    ['pager.log', 'PROGRAM'],
    ['core.sshCommand', 'PROGRAM'],
    ['core.editor', 'PROGRAM'],
    ['core.alternateRefsCommand', 'PROGRAM'],
    ['gpg.program', 'PROGRAM'],
    ['alias.status', '!PROGRAM'],
    ['alias.log', '!PROGRAM'],
    ['alias.config', '!PROGRAM'],
    ['credential.helper', '!PROGRAM'],
    ['include.path', 'INCLUDED'],
  ])('%s', async (key, value) => {
    const { content, copy, status } = await setting();
    const { ran, program, hooks, included } = await trap(content);
    await writeFile(
      join(copy, '.gitattributes'),
      '* filter=evil diff=evil\nspaced filter="with blank.and.dots"\n',
    );
    await commit(copy, { a: 'one', spaced: 'one' });
    const named = value.replace('PROGRAM', program).replace('HOOKS', hooks).replace('INCLUDED', included);
    // Written by hand: git itself would not set some of these.
    await appendFile(join(copy, '.git/config'), section(key, named));
    await appendFile(
      join(copy, '.git/config'),
      '[log]\n\tshowSignature = true\n[filter "evil"]\n\trequired = true\n',
    );
    await install(hooks, join(copy, '.git/hooks'));
    // Newer times, equal size: git has to read the files, and would have to run their filters.
    await writeFile(join(copy, 'a'), 'two');
    await writeFile(join(copy, 'spaced'), 'one');
    const found = await status();
    expect(ran()).toBe(false);
    expect(found).toMatchObject({ branch: 'main', uncommittedFiles: ['a'] });
  });

  test('a submodule is not entered', async () => {
    const { content, copy, status } = await setting();
    const { ran, program } = await trap(content);
    await commit(copy, { a: 'one' });
    git(copy, 'init', '-q', 'part');
    await commit(join(copy, 'part'), { b: 'one' });
    git(copy, '-c', 'advice.addEmbeddedRepo=false', 'add', 'part');
    git(copy, 'commit', '-q', '-m', 'part');
    await appendFile(join(copy, 'part/.git/config'), section('core.fsmonitor', program));
    await writeFile(join(copy, 'part/b'), 'two');
    await status();
    expect(ran()).toBe(false);
  });

  test('a partial clone fetches nothing', async () => {
    const { content, copy, status } = await setting();
    const { ran, program } = await trap(content);
    await commit(copy, { a: 'one' });
    await appendFile(
      join(copy, '.git/config'),
      `[extensions]\n\tpartialClone = evil\n[core]\n\trepositoryFormatVersion = 1\n` +
        `[remote "evil"]\n\turl = ext::${program}\n\tpromisor = true\n[protocol "ext"]\n\tallow = always\n`,
    );
    // The commit's tree is missing, as in a partial clone.
    const tree = git(copy, 'rev-parse', 'HEAD^{tree}');
    await rm(join(copy, '.git/objects', tree.slice(0, 2), tree.slice(2)), { force: true });
    await status().catch((error: unknown) => expect(error).toMatchObject({ code: 'git-failed' }));
    expect(ran()).toBe(false);
  });
});

async function setting() {
  const base = await temporaryFolder();
  const { world } = newPlace(base);
  const content = join(base, 'content');
  const copy = join(content, 'copy');
  await mkdir(copy, { recursive: true });
  await chmod(base, 0o755);
  git(copy, 'init', '-q');
  const own = () => {
    if (contentUser === undefined) return;
    execFileSync('chown', ['-R', `${contentUser.uid}:${contentUser.gid}`, content]);
  };
  const statusAt = async (location: string) => {
    own();
    return readGitStatus(world, content, location, contentUser, noAbort());
  };
  return { base, world, content, copy, own, statusAt, status: () => statusAt('copy') };
}

function pretendPushed(copy: string): void {
  git(copy, 'update-ref', 'refs/remotes/origin/main', 'HEAD');
}

/** A program, hooks and an included configuration that leave a trace when they are run. */
async function trap(content: string) {
  const folder = join(content, 'trap');
  const traces = join(folder, 'traces');
  await mkdir(join(folder, 'hooks'), { recursive: true });
  await mkdir(traces);
  if (isRoot) await chmod(traces, 0o777);
  const program = join(folder, 'program');
  await writeFile(program, `#!/bin/sh\ntouch ${traces}/ran\ncat\n`, { mode: 0o755 });
  const hooks = join(folder, 'hooks');
  for (const hook of HOOKS)
    await writeFile(join(hooks, hook), `#!/bin/sh\ntouch ${traces}/ran\n`, { mode: 0o755 });
  const included = join(folder, 'included');
  await writeFile(included, section('filter.evil.clean', program) + section('core.fsmonitor', program));
  const ran = () => execFileSync('ls', [traces], { encoding: 'utf8' }) !== '';
  return { ran, program, hooks, included };
}

const HOOKS = [
  'post-index-change',
  'fsmonitor-watchman',
  'reference-transaction',
  'pre-commit',
  'post-checkout',
];

async function install(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const hook of HOOKS) execFileSync('cp', [join(from, hook), join(to, hook)]);
}

function section(key: string, value: string): string {
  const parts = key.split('.');
  const name = parts.at(-1);
  const sub = parts.slice(1, -1).join('.');
  return `[${parts[0]}${sub === '' ? '' : ` "${sub}"`}]\n\t${name} = ${JSON.stringify(value)}\n`;
}
