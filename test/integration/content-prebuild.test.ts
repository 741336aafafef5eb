import { execFileSync } from 'node:child_process';
import { appendFile, chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { auditCopy } from '../../src/content/git-audit.js';
import { initialize } from '../../src/content/initialize.js';
import type { InitializeContext } from '../../src/content/initializers/plan.js';
import { planOf } from '../../src/content/initializers/table.js';
import { createSnapshot, snapshotUrl } from '../../src/content/snapshots.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { commit, git, serveGit, sourceRepository } from '../content/support/git-server.js';
import { contentFolder, contentUser, contextFor, ids, newPlace, noAbort } from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('a prebuild', () => {
  test('that is up to date keeps what it made, and says where it is from', async () => {
    const { folder, prebuilt, run } = await setting();
    await prebuilt(async (copy) => {
      await mkdir(join(copy, 'node_modules'));
      await writeFile(join(copy, 'node_modules/made'), 'by a task');
    });
    const result = await run({ targetMode: 'REMOTE_BRANCH', cloneTaget: 'main' });
    expect(result).toMatchObject({ source: 'from-prebuild', warnings: [], checkoutLocation: 'app' });
    expect(result.metrics.map(({ type }) => type)).toEqual(['prebuild']);
    expect(await readFile(join(folder, 'app/node_modules/made'), 'utf8')).toBe('by a task');
  });

  test('that is outdated is moved to the newest commit and is not told to be a prebuild', async () => {
    const { folder, source, prebuilt, run } = await setting();
    await prebuilt(async (copy) => {
      await mkdir(join(copy, 'node_modules'));
      await writeFile(join(copy, 'node_modules/made'), 'by a task');
    });
    const newest = await commit(source, { 'new.txt': 'new' });
    const result = await run({ targetMode: 'REMOTE_BRANCH', cloneTaget: 'main' });
    expect(result).toMatchObject({ source: 'from-other', warnings: [] });
    expect(git(join(folder, 'app'), 'rev-parse', 'HEAD')).toBe(newest);
    expect(git(join(folder, 'app'), 'status', '--porcelain', '-uno')).toBe('');
    expect(await readFile(join(folder, 'app/node_modules/made'), 'utf8')).toBe('by a task');
  });

  test.each([
    ['REMOTE_HEAD', ''],
    ['LOCAL_BRANCH', 'mine'],
  ])('follows the default branch for %s', async (targetMode, cloneTaget) => {
    const { folder, source, prebuilt, run } = await setting();
    await prebuilt();
    const newest = await commit(source, { 'new.txt': 'new' });
    expect(await run({ targetMode, cloneTaget })).toMatchObject({ source: 'from-other' });
    expect(git(join(folder, 'app'), 'rev-parse', 'HEAD')).toBe(newest);
  });

  test('takes uncommitted changes along', async () => {
    const { folder, source, prebuilt, run } = await setting();
    await prebuilt((copy) => writeFile(join(copy, 'a.txt'), 'changed by a task'));
    await commit(source, { 'new.txt': 'new' });
    expect((await run({ targetMode: 'REMOTE_BRANCH', cloneTaget: 'main' })).warnings).toEqual([]);
    expect(await readFile(join(folder, 'app/a.txt'), 'utf8')).toBe('changed by a task');
    expect(git(join(folder, 'app'), 'stash', 'list')).toBe('');
  });

  test('keeps changes that do not fit any more in the stash, and tells', async () => {
    const { folder, source, prebuilt, run } = await setting();
    await prebuilt((copy) => writeFile(join(copy, 'a.txt'), 'changed by a task'));
    await commit(source, { 'a.txt': 'changed by somebody' });
    const { warnings } = await run({ targetMode: 'REMOTE_BRANCH', cloneTaget: 'main' });
    expect(warnings).toEqual([expect.stringContaining('stash')]);
    expect(await readFile(join(folder, 'app/a.txt'), 'utf8')).toBe('changed by somebody');
    expect(git(join(folder, 'app'), 'stash', 'list')).toContain('stash@{0}');
    expect(git(join(folder, 'app'), 'status', '--porcelain')).toBe('');
  });

  test('is moved although git was at work in it when it was made', async () => {
    const { prebuilt, run } = await setting();
    await prebuilt((copy) => writeFile(join(copy, '.git/index.lock'), ''));
    expect(await run({})).toMatchObject({ source: 'from-prebuild' });
  });

  test('without the working copy that is asked for tells so', async () => {
    const { prebuilt, run } = await setting();
    await prebuilt();
    const { warnings } = await run({ checkoutLocation: 'elsewhere' });
    expect(warnings).toEqual([expect.stringContaining('no working copy at elsewhere')]);
  });

  test('whose target cannot be reached fails, as a clone does', async () => {
    const { prebuilt, run } = await setting();
    await prebuilt();
    await expect(run({ targetMode: 'REMOTE_COMMIT', cloneTaget: '0'.repeat(40) })).rejects.toMatchObject({
      code: 'git-failed',
    });
  });
});

describe('everything is cloned, honestly, when the prebuild', () => {
  test('is gone', async () => {
    const { folder, prebuilt, run, head } = await setting();
    await prebuilt();
    const result = await run({}, { snapshot: 'ada/workspaces/loom/snapshot-2.tar@steward' });
    expect(result).toMatchObject({
      source: 'from-other',
      warnings: [expect.stringContaining('everything was cloned')],
    });
    expect(result.metrics.map(({ type }) => type)).toEqual(['git', 'prebuild']);
    expect(git(join(folder, 'app'), 'rev-parse', 'HEAD')).toBe(head);
  });

  test('is damaged, and nothing of it stays', async () => {
    const { folder, place, prebuilt, run } = await setting();
    await prebuilt((copy) => writeFile(join(copy, 'made'), 'by a task'));
    const archives = execFileSync('find', [place.objects, '-type', 'f', '-size', '+2k'], {
      encoding: 'utf8',
    });
    for (const archive of archives.trim().split('\n')) {
      const bytes = await readFile(archive);
      bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 0xff;
      await chmod(archive, 0o644);
      await writeFile(archive, bytes);
    }
    expect(await run({})).toMatchObject({ source: 'from-other' });
    expect(await readdir(join(folder, 'app'))).not.toContain('made');
  });

  test('is not named', async () => {
    const { run } = await setting();
    expect(await run({}, { snapshot: '' })).toMatchObject({ source: 'from-other' });
  });

  test('has a configuration that decides where secrets or files go', async () => {
    const { folder, prebuilt, run } = await setting();
    await prebuilt(async (copy) => {
      git(copy, 'config', 'http.https://evil.example/.sslVerify', 'false');
    });
    const result = await run({});
    expect(result.source).toBe('from-other');
    expect(result.warnings.join()).toContain('everything was cloned');
    expect(await readFile(join(folder, 'app/.git/config'), 'utf8')).not.toContain('evil');
  });

  test('borrows objects of others', async () => {
    const { folder, source, prebuilt, run } = await setting();
    await prebuilt((copy) =>
      writeFile(join(copy, '.git/objects/info/alternates'), `${join(source, '.git/objects')}\n`),
    );
    expect(await run({})).toMatchObject({ source: 'from-other' });
    expect(await readdir(join(folder, 'app/.git/objects/info'))).not.toContain('alternates');
  });
});

describe('the configuration of a restored working copy', () => {
  test.each([
    ['http.sslVerify', 'false'],
    ['http.https://example.org.sslVerify', 'false'],
    ['http.proxy', 'http://127.0.0.1:1'],
    ['url.https://evil.example/.insteadOf', 'http://127.0.0.1'],
    ['credential.helper', '!cat >&2'],
    ['include.path', '/etc/passwd'],
    ['includeIf.gitdir:/.path', '/etc/passwd'],
    ['core.worktree', '/etc'],
    ['remote.origin.uploadpack', 'touch /tmp/x'],
    ['remote.origin.vcs', 'ext'],
    ['merge.evil.driver', 'touch %A'],
    ['submodule.part.update', '!touch x'],
    ['extensions.worktreeConfig', 'true'],
    ['lfs.customtransfer.evil.path', '/bin/sh'],
    ['lfs.url', 'https://evil.example'],
    ['lfs.https://example.org.access', 'ntlm'],
    ['filter.a=b.clean', 'x'],
  ])('is refused with %s', async (key, value) => {
    const { content, context, copy } = await copied();
    await appendFile(join(copy, '.git/config'), section(key, value));
    own(content);
    await expect(auditCopy('app', context)).rejects.toMatchObject({ code: 'git-failed' });
  });

  test('may have what requests may set, what git writes itself, and filters, which are put out of work', async () => {
    const { content, context, copy } = await copied();
    for (const [key, value] of [
      ['http.version', 'HTTP/1.1'],
      ['user.name', 'Ada'],
      ['alias.st', '!touch x'],
      ['branch.main.remote', 'origin'],
      ['lfs.repositoryformatversion', '0'],
      ['lfs.https://example.org/x.git/info/lfs.access', 'basic'],
      ['filter.evil.smudge', 'touch x'],
    ] as const) {
      await appendFile(join(copy, '.git/config'), section(key, value));
    }
    own(content);
    expect(await auditCopy('app', context)).toContainEqual(['filter.evil.smudge', '']);
  });
});

describe('a prebuild that names commands runs none of them', () => {
  test.each([
    'core.fsmonitor',
    'core.hooksPath',
    'core.sshCommand',
    'core.gitProxy',
    'core.pager',
    'core.editor',
    'core.askPass',
    'filter.evil.smudge',
    'filter.evil.clean',
    'filter.evil.process',
    'diff.external',
    'gpg.program',
    'alias.stash',
  ])('%s', async (key) => {
    const { base, source, prebuilt, run } = await setting();
    const traces = join(base, 'traces');
    await mkdir(traces, { mode: 0o777 });
    await chmod(traces, 0o777);
    await prebuilt(async (copy) => {
      const program = join(copy, 'program');
      const text = `#!/bin/sh\ntouch ${traces}/ran ran-it\ncat\n`;
      await writeFile(program, text, { mode: 0o755 });
      for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
        await writeFile(join(copy, '.git/hooks', hook), text, { mode: 0o755 }).catch(() => undefined);
      }
      await writeFile(join(copy, '.gitattributes'), '* filter=evil diff=evil\n');
      await writeFile(join(copy, 'a.txt'), 'changed by a task');
      const named = key === 'core.hooksPath' ? join(copy, '.git/hooks') : './program';
      await appendFile(
        join(copy, '.git/config'),
        section(key, key.startsWith('alias') ? `!${named}` : named),
      );
    });
    await commit(source, { 'new.txt': 'new' });
    await run({ targetMode: 'REMOTE_BRANCH', cloneTaget: 'main' });
    expect(await readdir(traces)).toEqual([]);
  });

  test('nor do the repositories of its submodules, nor links in their place', async () => {
    const { folder, source, prebuilt, run } = await setting();
    await prebuilt(async (copy) => {
      await mkdir(join(copy, '.git/modules/evil'), { recursive: true });
      await writeFile(join(copy, '.git/modules/evil/config'), '[core]\n\tworktree = /etc\n');
    });
    await commit(source, { 'new.txt': 'new' });
    expect((await run({})).warnings.join()).toContain('core.worktree');
    await run({});
    expect(await readdir(join(folder, 'app/.git'))).not.toContain('modules');
  });

  test('a link in place of a submodule’s repository is not followed', async () => {
    const { prebuilt, run } = await setting();
    await prebuilt((copy) => symlink('/etc', join(copy, '.git/modules')));
    expect(await run({})).toMatchObject({ source: 'from-prebuild' });
  });
});

function section(key: string, value: string): string {
  const parts = key.split('.');
  const sub = parts.slice(1, -1).join('.');
  return `[${parts[0]}${sub === '' ? '' : ` "${sub}"`}]\n\t${parts.at(-1)} = ${JSON.stringify(value)}\n`;
}

function own(content: string): void {
  if (contentUser === undefined) return;
  execFileSync('chown', ['-Rh', `${contentUser.uid}:${contentUser.gid}`, content]);
}

/** A repository as a restored one would lie there. */
async function copied() {
  const base = await temporaryFolder();
  await chmod(base, 0o755);
  const place = newPlace(base);
  const content = await contentFolder(place, join(base, 'content'));
  const copy = join(content, 'app');
  await mkdir(copy);
  git(copy, 'init', '-q');
  return { content, context: contextFor(place, content), copy };
}

async function setting() {
  const base = await temporaryFolder();
  await chmod(base, 0o755);
  const root = join(base, 'served');
  const source = join(root, 'source');
  const { head } = await sourceRepository(source);
  const server = await serveGit(root);
  const place = newPlace(base);
  const folder = await contentFolder(place, join(base, 'content'));
  const remoteUri = `${server.url}/source`;
  /** A snapshot of a clone after `change`, as a prebuild would leave it. */
  const prebuilt = async (change: (copy: string) => unknown = () => undefined) => {
    const content = await contentFolder(place, join(base, 'prebuilt'));
    await mkdir(join(content, 'app'));
    // Not over the server, which lives in this very process and could not answer meanwhile.
    git(join(content, 'app'), 'clone', '-q', '--depth=1', `file://${source}`, '.');
    git(join(content, 'app'), 'remote', 'set-url', 'origin', remoteUri);
    await change(join(content, 'app'));
    own(content);
    await createSnapshot(place, content, 'snapshot-1.tar', ids(), { signal: noAbort() });
  };
  const run = (
    input: object,
    prebuild: object = { snapshot: snapshotUrl(place.storage, ids(), 'snapshot-1.tar') },
    more: Partial<InitializeContext> = {},
  ) => {
    const part = { remoteUri, config: {}, checkoutLocation: 'app', ...input };
    const plan = planOf(WorkspaceInitializer.fromJSON({ prebuild: { prebuild, git: [part] } }));
    const context = contextFor(place, folder, { git: { allowHttp: true }, ...more });
    return initialize(plan, context, { isFreshStart: false });
  };
  return { base, folder, head, place, prebuilt, run, source };
}
