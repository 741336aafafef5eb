import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { auditCopy } from '../../src/content/git-audit.js';
import { initialize } from '../../src/content/initialize.js';
import type { InitializeContext } from '../../src/content/initializers/plan.js';
import { planOf } from '../../src/content/initializers/table.js';
import type { ProcessCommand } from '../../src/gateways/processes.js';
import { GitAuthMethod, GitInitializer } from '../../src/gen/content-service-api/initializer.js';
import { confinementOf } from '../../src/isolation/probe.js';
import { commit, git, sourceRepository } from '../content/support/git-server.js';
import { contentFolder, contextFor, newPlace, withProcesses } from '../content/support/place.js';
import { type LfsServer, type LfsServerOptions, serveLfs } from '../support/lfs-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const ATTRIBUTES = '*.bin filter=lfs diff=lfs merge=lfs -text\n';
const SECRET = 'p@ss:wörd/%41 "x"';

describe('files kept by Git LFS', () => {
  test('come with their content, for the credentials of the clone, which leave no trace', async () => {
    const { server, content, run, folder, commands, context } = await setting({ password: SECRET });
    const { warnings } = await run();
    expect(warnings).toEqual([]);
    expect(await readFile(join(folder, 'deep/a b.bin'))).toEqual(content);
    expect(server.asked).toContainEqual({
      what: 'POST /source.git/info/lfs/objects/batch',
      isAuthorized: true,
    });
    expect(contains(folder, 'p@ss')).toBe(false);
    expect(JSON.stringify(commands.map(({ args, env }) => ({ args, env })))).not.toContain('p@ss');
    // For those who work in the copy: its filters are on, and see nothing changed.
    expect(git(folder, 'config', 'filter.lfs.process')).toBe('git-lfs filter-process');
    expect(git(folder, 'status', '--porcelain')).toBe('');
    // A prebuild of it stays usable.
    await auditCopy('', context);
    expect(await confinementOf(context.world)).not.toMatchObject({ kind: 'open' });
  });

  test('come in submodules, each from its own repository', async () => {
    const { server, content, run, folder, root } = await setting({ password: SECRET });
    await sourceRepository(join(root, 'part'));
    await commit(join(root, 'part'), { '.gitattributes': ATTRIBUTES, 'part.bin': server.keep(content) });
    git(join(root, 'source'), 'submodule', '--quiet', 'add', join(root, 'part'), 'part');
    git(join(root, 'source'), 'config', '--file', '.gitmodules', 'submodule.part.url', '../part');
    await commit(join(root, 'source'), {});
    const { warnings } = await run();
    expect(warnings).toEqual([]);
    expect(await readFile(join(folder, 'part/part.bin'))).toEqual(content);
    expect(server.asked.map(({ what }) => what)).toContain('POST /part.git/info/lfs/objects/batch');
  });

  test('that are more than the workspace may hold end the set-up', async () => {
    const { run } = await setting({ size: 3_000_000 });
    await expect(run({ quotaBytes: 1_000_000 })).rejects.toMatchObject({ code: 'quota-exceeded' });
  });
});

describe('a repository’s .lfsconfig', () => {
  test('that names another server leads nobody there', async () => {
    const { content, run, folder, root } = await setting({ password: SECRET });
    const thief = await serveLfs(root);
    await commit(join(root, 'source'), {
      '.lfsconfig': `[lfs]\n\turl = ${thief.url}/x\n[remote "origin"]\n\tlfsurl = ${thief.url}/y\n`,
    });
    const { warnings } = await run();
    expect(warnings).toEqual([]);
    expect(thief.asked).toEqual([]);
    expect(await readFile(join(folder, 'deep/a b.bin'))).toEqual(content);
  });

  test('that names a path, programs and extensions runs nothing', async () => {
    const { content, run, folder, root, base } = await setting({});
    const traces = join(base, 'content/traces');
    const touch = `touch ${traces}`;
    await commit(join(root, 'source'), {
      '.lfsconfig': [
        `[lfs]\n\turl = file://${root}/source\n\tstandalonetransferagent = evil\n\tstorage = ${base}`,
        '\tskipdownloaderrors = true\n\tgitprotocol = http',
        `[lfs "customtransfer.evil"]\n\tpath = /usr/bin/touch\n\targs = ${traces}`,
        `[lfs "extension.evil"]\n\tclean = ${touch}\n\tsmudge = ${touch}`,
        `[filter "lfs"]\n\tprocess = ${touch}\n\tsmudge = ${touch}`,
        `[core]\n\tsshCommand = ${touch}\n\taskPass = ${touch}\n[credential]\n\thelper = !${touch}\n`,
      ].join('\n'),
    });
    const { warnings } = await run();
    expect(warnings).toEqual([]);
    expect(await readFile(join(folder, 'deep/a b.bin'))).toEqual(content);
    expect(await readdir(folder)).not.toContain('traces');
    expect(await readdir(base)).not.toContain('objects');
  });

  test('with which its filter cannot work does not keep the copy from being made', async () => {
    const { content, run, folder, root } = await setting({});
    await commit(join(root, 'source'), { '.lfsconfig': '[lfs "extension.evil"]\n\tpriority = 0\n' });
    await run();
    expect(await readFile(join(folder, 'deep/a b.bin'))).toEqual(content);
  });
});

describe('a server of Git LFS', () => {
  test.each<[string, LfsServerOptions]>([
    ['answers with an error', { objectStatus: 403 }],
    ['sends other bytes', { instead: (bytes) => Buffer.from(bytes).reverse() }],
    ['sends half of them', { instead: (bytes) => bytes.subarray(0, bytes.length / 2) }],
  ])('that %s is told, and the rest of the copy is there', async (_what, options) => {
    const { pointer, run, folder } = await setting(options);
    const { warnings } = await run();
    expect(warnings).toEqual([expect.stringMatching(/"deep\/a b\.bin", hold pointers.*git lfs/)]);
    expect(await readFile(join(folder, 'deep/a b.bin'), 'utf8')).toBe(pointer);
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('two');
  });

  test('that does not have an object is told', async () => {
    const { server, run, root } = await setting({});
    const other = server.keep(Buffer.from('x')).replace(/[0-9a-f]{64}/, '0'.repeat(64));
    await commit(join(root, 'source'), { 'gone.bin': other });
    const { warnings } = await run();
    expect(warnings).toEqual([expect.stringContaining('hold pointers')]);
  });

  test('that sends its clients to another one does not give that the credentials', async () => {
    const thieves = await temporaryFolder();
    const thief = await serveLfs(thieves, { password: 'another' });
    const { run } = await setting({ password: SECRET, objectsAt: thief.url });
    const { warnings } = await run();
    expect(warnings).toEqual([expect.stringContaining('hold pointers')]);
    expect(thief.asked.length).toBeGreaterThan(0);
    expect(thief.asked.filter(({ isAuthorized }) => isAuthorized)).toEqual([]);
  });
});

/** A repository with one file kept by Git LFS, its server, and a way to clone it. */
async function setting({ size = 200_000, ...options }: LfsServerOptions & { readonly size?: number }) {
  const base = await temporaryFolder();
  execFileSync('chmod', ['755', base]);
  const root = join(base, 'served');
  await mkdir(root);
  const server: LfsServer = await serveLfs(root, options);
  const content = randomBytes(size);
  const pointer = server.keep(content);
  await sourceRepository(join(root, 'source'));
  await commit(join(root, 'source'), { '.gitattributes': ATTRIBUTES, 'deep/a b.bin': pointer });
  const commands: ProcessCommand[] = [];
  const real = newPlace(base);
  const place = withProcesses(real, {
    start: (command) => {
      commands.push(command);
      return real.world.processes.start(command);
    },
  });
  const folder = await contentFolder(place, join(base, 'content'));
  const context = contextFor(place, folder, { git: { allowHttp: true } });
  const config = {
    customConfig: {},
    authentication: options.password === undefined ? GitAuthMethod.NO_AUTH : GitAuthMethod.BASIC_AUTH,
    authUser: 'ada',
    authPassword: options.password ?? '',
    authOts: '',
  };
  const run = (more: Partial<InitializeContext> = {}) => {
    const value = GitInitializer.fromPartial({ remoteUri: `${server.url}/source`, config });
    const plan = planOf({ spec: { $case: 'git', value } });
    return initialize(plan, { ...context, ...more }, { isFreshStart: false });
  };
  return { base, root, server, content, pointer, folder, commands, context, run };
}

function contains(folder: string, text: string): boolean {
  try {
    execFileSync('grep', ['-rqF', text, folder]);
    return true;
  } catch {
    return false;
  }
}
