import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readGitStatus } from '../../src/content/git-status.js';
import { initialize } from '../../src/content/initialize.js';
import { planOf } from '../../src/content/initializers/table.js';
import { createSnapshot, snapshotUrl } from '../../src/content/snapshots.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { confinementOf } from '../../src/isolation/probe.js';
import { commit, git, serveGit, sourceRepository } from '../content/support/git-server.js';
import { contentFolder, contentUser, contextFor, ids, newPlace, noAbort } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';
import { temporaryFolder } from '../support/temporary-folder.js';

let base: string;
let before: object;

/** Somebody else's things on the same machine, readable and writable by the very same user: the hardest case. */
beforeEach(async () => {
  base = await temporaryFolder();
  await chmod(base, 0o755);
  const other = join(base, 'other');
  await mkdir(join(other, 'traces'), { recursive: true });
  git(other, 'init', '-q', 'repository');
  await commit(join(other, 'repository'), { secret: 'canary-secret' });
  own(other);
  before = await describeTree(other);
});

afterEach(async () => {
  expect(await describeTree(join(base, 'other')), 'somebody else’s things were touched').toEqual(before);
});

describe('a repository whose submodules', () => {
  const outside = () => join(base, 'other/repository');

  test.each([
    ['come from a local folder', () => ({ url: outside() })],
    ['come from a file: URL', () => ({ url: `file://${outside()}` })],
    ['come from ext::', () => ({ url: `ext::sh -c "touch% ${base}/other/traces/x"` })],
    ['come from an option', () => ({ url: `-utouch ${base}/other/traces/x` })],
    [
      'come from an option behind a URL',
      () => ({ url: `ssh://-oProxyCommand=touch${base}/other/traces/x/y` }),
    ],
    ['come from a relative way out', () => ({ url: '../../../../../../other/repository' })],
    ['have a URL with a line break', () => ({ url: 'http://127.0.0.1:1/x%0ahost=evil' })],
    ['lie outside', () => ({ path: '../../other/traces/part' })],
    ['lie in an absolute place', () => ({ path: join(base, 'other/traces/part') })],
    ['lie in .git', () => ({ path: '.git/hooks' })],
    ['have a name that leads out', () => ({ name: '../../../../other/traces' })],
    ['have a name that is an option', () => ({ name: '-x', path: '-x' })],
    ['are updated by a command', () => ({ more: `update = !touch ${base}/other/traces/x` })],
    ['follow a branch that is an option', () => ({ more: `branch = --upload-pack=touch` })],
  ])('%s', async (_what, submodule) => {
    const { folder, run, source } = await setting();
    await withSubmodule(source, submodule());
    const result = await run();
    expect(result).toMatchObject({ source: 'from-other' });
    const files = execFileSync('find', [folder, '-not', '-path', '*/.git/*', '-type', 'f'], {
      encoding: 'utf8',
    });
    expect(files).not.toContain('secret');
    expect(contains(folder, 'canary-secret')).toBe(false);
  });

  test('lie behind a link that the repository brings', async () => {
    const { folder, run, source } = await setting();
    await symlink('../../other/traces', join(source, 'link'));
    await commit(source, {});
    await withSubmodule(source, { path: 'link/part', isUnchecked: true });
    await run().catch((error: unknown) => expect(error).toBeInstanceOf(StewardError));
    expect(await readdir(join(base, 'other/traces'))).toEqual([]);
    expect(await readdir(folder)).not.toContain('traces');
  });
});

describe('a repository that brings', () => {
  test('filters, hooks and a configuration as files runs none of them', async () => {
    const { folder, run, source } = await setting();
    const script = `#!/bin/sh\ntouch ${base}/other/traces/x\n`;
    await commit(source, {
      '.gitattributes': '* filter=evil diff=evil merge=evil\n',
      '.gitconfig': `[filter "evil"]\n\tsmudge = touch ${base}/other/traces/x\n`,
      'hooks/post-checkout': script,
      '.githooks/post-checkout': script,
      '.lfsconfig': `[lfs]\n\turl = file://${base}/other\n\tstandalonetransferagent = evil\n`,
    });
    await run();
    expect(await readFile(join(folder, '.gitattributes'), 'utf8')).toContain('evil');
    expect(await readdir(join(folder, '.git'))).not.toContain('hooks');
  });

  test('files of Git LFS where that is missing is told to hold pointers', async () => {
    const { place, run, source } = await setting();
    await commit(source, {
      '.gitattributes': '*.bin filter=lfs\n',
      'deep/a b.bin': 'version https://git-lfs',
    });
    const { warnings } = await run();
    const isInstalled = (await place.world.processes.find('git-lfs')) !== undefined;
    expect(warnings).toEqual(
      isInstalled ? [] : [expect.stringMatching(/git-lfs is not installed.*a b\.bin/)],
    );
  });

  test('links that lead out leaves them links', async () => {
    const { folder, run, source } = await setting();
    await symlink('/etc/passwd', join(source, 'passwd'));
    await symlink('../other', join(source, '.gitpod'));
    await commit(source, {});
    const { warnings } = await run();
    expect(warnings).toEqual([expect.stringContaining('.gitpod was in the way')]);
    expect((await place(folder, 'passwd'))?.kind).toBe('symlink');
  });
});

describe('a snapshot of a working copy whose .git', () => {
  test.each([
    [
      'is a link to a repository of somebody else',
      (copy: string) => symlink(join(base, 'other/repository/.git'), join(copy, '.git')),
    ],
    [
      'is a file that names one',
      (copy: string) => writeFile(join(copy, '.git'), `gitdir: ${base}/other/repository/.git\n`),
    ],
  ])('%s is neither moved nor cloned over nor told about', async (_what, make) => {
    const { folder, place: at, prebuild } = await setting();
    const content = await contentFolder(at, join(base, 'prepared'));
    await mkdir(join(content, 'app'));
    await make(join(content, 'app'));
    own(content);
    await createSnapshot(at, content, 'snapshot-1.tar', ids(), { signal: noAbort() });
    const { source, warnings } = await prebuild();
    expect(source).toBe('from-prebuild');
    expect(warnings).toEqual([expect.stringContaining('no working copy at app')]);
    const status = await readGitStatus(at.world, folder, 'app', contentUser, noAbort()).catch(
      () => undefined,
    );
    const { kind } = await confinementOf(at.world);
    if (kind === 'confined') expect(JSON.stringify(status ?? '')).not.toContain('secret');
  });
});

interface Submodule {
  readonly url?: string;
  readonly path?: string;
  readonly name?: string;
  readonly more?: string;
  /** The index cannot hold the entry: only `.gitmodules` names it. */
  readonly isUnchecked?: boolean;
}

async function withSubmodule(source: string, submodule: Submodule): Promise<void> {
  const { url = 'http://127.0.0.1:1/x', path = 'part', name = 'part', more = '' } = submodule;
  const head = git(source, 'rev-parse', 'HEAD');
  await writeFile(
    join(source, '.gitmodules'),
    `[submodule "${name}"]\n\tpath = ${path}\n\turl = ${JSON.stringify(url)}\n\t${more}\n`,
  );
  git(source, 'add', '.gitmodules');
  const isHoldable = !submodule.isUnchecked && !/^\/|\.\.|^\.git/.test(path);
  if (isHoldable) git(source, 'update-index', '--add', '--cacheinfo', `160000,${head},${path}`);
  git(source, 'commit', '-q', '-m', 'submodule');
}

function own(path: string): void {
  if (contentUser !== undefined) {
    execFileSync('chown', ['-Rh', `${contentUser.uid}:${contentUser.gid}`, path]);
  }
}

function place(folder: string, name: string) {
  return newPlace(base).world.files.stat(join(folder, name));
}

function contains(folder: string, text: string): boolean {
  try {
    execFileSync('grep', ['-rqF', text, folder]);
    return true;
  } catch {
    return false;
  }
}

async function setting() {
  const root = join(base, 'served');
  const source = join(root, 'source');
  await sourceRepository(source);
  const server = await serveGit(root);
  const at = newPlace(base);
  const folder = await contentFolder(at, join(base, 'content'));
  const context = contextFor(at, folder, { git: { allowHttp: true } });
  const input = { remoteUri: `${server.url}/source`, config: {} };
  const run = () =>
    initialize(planOf(WorkspaceInitializer.fromJSON({ git: input })), context, { isFreshStart: false });
  const prebuild = () => {
    const snapshot = snapshotUrl(at.storage, ids(), 'snapshot-1.tar');
    const parts = { prebuild: { snapshot }, git: [{ ...input, checkoutLocation: 'app' }] };
    const plan = planOf(WorkspaceInitializer.fromJSON({ prebuild: parts }));
    return initialize(plan, context, { isFreshStart: false });
  };
  return { folder, place: at, prebuild, run, source };
}
