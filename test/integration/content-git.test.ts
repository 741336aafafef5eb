import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { initialize } from '../../src/content/initialize.js';
import type { InitializeContext } from '../../src/content/initializers/plan.js';
import { planOf } from '../../src/content/initializers/table.js';
import { withDeadline } from '../../src/gateways/deadline.js';
import type { ProcessCommand } from '../../src/gateways/processes.js';
import {
  CloneTargetMode,
  GitAuthMethod,
  GitInitializer,
} from '../../src/gen/content-service-api/initializer.js';
import { commit, git, listen, serveGit, sourceRepository } from '../content/support/git-server.js';
import {
  contentFolder,
  contentUser,
  contextFor,
  newPlace,
  noAbort,
  withProcesses,
} from '../content/support/place.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('what is checked out', () => {
  test('the default branch, with one commit of history, and the files belong to the content user', async () => {
    const { server, run, folder, source } = await setting();
    const result = await run({ remoteUri: `${server.url}/source` });
    expect(git(folder, 'rev-parse', 'HEAD')).toBe(source.head);
    expect(git(folder, 'rev-list', '--count', 'HEAD')).toBe('1');
    expect(git(folder, 'status', '--porcelain')).toBe('');
    expect(result).toMatchObject({ source: 'from-other', warnings: [], checkoutLocation: '' });
    expect(result.metrics).toMatchObject([{ type: 'git' }]);
    const owner = (await stat(join(folder, 'a.txt'))).uid;
    expect(owner).toBe(contentUser?.uid ?? process.getuid?.());
  });

  test('the whole history when asked for', async () => {
    const { server, run, folder } = await setting();
    await run({ remoteUri: `${server.url}/source`, fullClone: true });
    expect(git(folder, 'rev-list', '--count', 'HEAD')).toBe('3');
    expect(git(folder, 'branch', '-r')).toContain('origin/topic');
  });

  test('a branch of the remote, followed', async () => {
    const { server, run, folder, source } = await setting();
    await run({
      remoteUri: `${server.url}/source`,
      targetMode: CloneTargetMode.REMOTE_BRANCH,
      cloneTaget: 'topic',
    });
    expect(git(folder, 'rev-parse', 'HEAD')).toBe(source.topic);
    expect(git(folder, 'rev-parse', '--abbrev-ref', 'topic@{upstream}')).toBe('origin/topic');
  });

  test('a branch the remote does not have, from the default one, and this is told', async () => {
    const { server, run, folder, source } = await setting();
    const { warnings } = await run({
      remoteUri: `${server.url}/source`,
      targetMode: CloneTargetMode.REMOTE_BRANCH,
      cloneTaget: 'missing',
    });
    expect(git(folder, 'rev-parse', '--abbrev-ref', 'HEAD')).toBe('missing');
    expect(git(folder, 'rev-parse', 'HEAD')).toBe(source.head);
    expect(warnings).toEqual([expect.stringContaining('no branch missing')]);
  });

  test('a new local branch, following nothing', async () => {
    const { server, run, folder, source } = await setting();
    await run({
      remoteUri: `${server.url}/source`,
      targetMode: CloneTargetMode.LOCAL_BRANCH,
      cloneTaget: 'mine/new',
    });
    expect(git(folder, 'rev-parse', '--abbrev-ref', 'HEAD')).toBe('mine/new');
    expect(git(folder, 'rev-parse', 'HEAD')).toBe(source.head);
    expect(git(folder, 'config', '--get-regexp', 'branch.*').includes('mine/new')).toBe(false);
  });

  test.each([true, false])('one commit, on no branch (whole history: %s)', async (fullClone) => {
    const { server, run, folder, source } = await setting();
    await run({
      remoteUri: `${server.url}/source`,
      targetMode: CloneTargetMode.REMOTE_COMMIT,
      cloneTaget: source.first,
      fullClone,
    });
    expect(git(folder, 'rev-parse', 'HEAD')).toBe(source.first);
    expect(git(folder, 'rev-parse', '--abbrev-ref', 'HEAD')).toBe('HEAD');
  });

  test('an empty repository', async () => {
    const { server, run, folder, root } = await setting();
    await mkdir(join(root, 'empty'));
    git(join(root, 'empty'), 'init', '-q');
    await run({ remoteUri: `${server.url}/empty` });
    expect(await readdir(folder)).toEqual(['.git']);
  });

  test('below the content root, with the settings asked for and an upstream', async () => {
    const { server, run, folder } = await setting();
    const result = await run({
      remoteUri: `${server.url}/source`,
      upstreamRemoteUri: `${server.url}/source`,
      checkoutLocation: 'projects//main/.',
      config: { ...withoutAuth, customConfig: { ' user.name ': 'Ada Lovelace' } },
    });
    const copy = join(folder, 'projects/main');
    expect(result.checkoutLocation).toBe('projects/main');
    expect(git(copy, 'config', 'user.name')).toBe('Ada Lovelace');
    expect(git(copy, 'branch', '-r')).toContain('upstream/topic');
    expect((await stat(join(folder, 'projects'))).uid).toBe(contentUser?.uid ?? process.getuid?.());
  });
});

describe('submodules', () => {
  test('are fetched', async () => {
    const { server, run, folder, root } = await setting();
    await sourceRepository(join(root, 'part'));
    await addSubmodule(join(root, 'source'), '../part');
    const { warnings } = await run({ remoteUri: `${server.url}/source` });
    expect(warnings).toEqual([]);
    expect(await readFile(join(folder, 'part/a.txt'), 'utf8')).toBe('two');
  });

  test('that cannot be fetched, or lie in local folders, are told and no more', async () => {
    const { server, run, folder, root } = await setting();
    await sourceRepository(join(root, 'part'));
    await addSubmodule(join(root, 'source'), join(root, 'part'));
    const { warnings } = await run({ remoteUri: `${server.url}/source` });
    expect(warnings).toEqual([expect.stringContaining('submodules could not be fetched')]);
    expect(await readdir(join(folder, 'part'))).toEqual([]);
  });
});

describe('credentials', () => {
  const secret = 'p@ss:wörd/%41 "x"';

  test('open the repository and its submodules, and leave no trace', async () => {
    const { run, folder, root, commands } = await setting();
    await sourceRepository(join(root, 'part'));
    await addSubmodule(join(root, 'source'), '../part');
    const server = await serveGit(root, secret);
    const { warnings } = await run({
      remoteUri: `${server.url}/source`,
      targetMode: CloneTargetMode.REMOTE_BRANCH,
      cloneTaget: 'topic',
      config: basicAuth(secret),
    });
    expect(warnings).toEqual([]);
    expect(server.requests.authorized).toBeGreaterThan(0);
    expect(contains(folder, 'p@ss')).toBe(false);
    const seen = JSON.stringify(commands.map(({ args, env }) => ({ args, env })));
    expect(seen).not.toContain('p@ss');
  });

  test('that are wrong fail at once, and the message does not repeat them', async () => {
    const { run, root } = await setting();
    const server = await serveGit(root, secret);
    const cloning = run({ remoteUri: `${server.url}/source`, config: basicAuth('wrong-secret') });
    await expect(cloning).rejects.toMatchObject({
      code: 'git-failed',
      message: expect.not.stringContaining('wrong-secret'),
    });
  });

  test('that are missing fail at once, without a prompt', async () => {
    const { run, root } = await setting();
    const server = await serveGit(root, secret);
    await expect(run({ remoteUri: `${server.url}/source` })).rejects.toMatchObject({
      code: 'git-failed',
      message: expect.stringContaining('wants credentials'),
    });
  });

  test('are not given to another server', async () => {
    const { run, root } = await setting();
    const server = await serveGit(root, secret);
    const thief = await serveGit(root, secret);
    const cloning = run({
      remoteUri: `${server.url}/source`,
      upstreamRemoteUri: `${thief.url}/source`,
      config: basicAuth(secret),
    });
    await expect(cloning).rejects.toMatchObject({ code: 'git-failed' });
    expect(server.requests.authorized).toBeGreaterThan(0);
    expect(thief.requests.authorized).toBe(0);
  });

  test('of a one-time URL are fetched once and used for all of the clone', async () => {
    const { run, root, folder, source } = await setting();
    const server = await serveGit(root, secret);
    let asked = 0;
    const giver = createServer((_, response) => {
      asked += 1;
      response.writeHead(asked === 1 ? 200 : 410).end(`ada:${secret}`);
    });
    const authOts = `${await listen(giver)}/secret-url`;
    const config = { ...withoutAuth, authentication: GitAuthMethod.BASIC_AUTH_OTS, authOts };
    await run({ remoteUri: `${server.url}/source`, config });
    expect(git(folder, 'rev-parse', 'HEAD')).toBe(source.head);
    expect(asked).toBe(1);
  });
});

test('git ends with the program that started it, however that ends', async () => {
  const { folder } = await setting();
  const port = await tcpServer(() => undefined);
  const starter = spawn(
    process.execPath,
    [...process.execArgv, '--import', 'tsx', HANGING_CLONE, folder, `${port}`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [started] = await once(starter.stdout, 'data');
  const group = Number(String(started));
  expect(isGroupAlive(group)).toBe(true);
  starter.kill('SIGKILL');
  await expect.poll(() => isGroupAlive(group), { timeout: 20_000 }).toBe(false);
});

describe('servers that do harm', () => {
  test('one that is not there fails with a message', async () => {
    const { run } = await setting();
    await expect(run({ remoteUri: 'git://127.0.0.1:1/gone' })).rejects.toMatchObject({
      code: 'git-failed',
      message: expect.stringContaining('127.0.0.1'),
    });
  });

  test('one that hangs is given up at the deadline', async () => {
    const { run, place } = await setting();
    const port = await tcpServer(() => undefined);
    const cloning = withDeadline(place.world.clock, 500, 'the set-up', noAbort(), (signal) =>
      run({ remoteUri: `git://127.0.0.1:${port}/hangs` }, { signal }),
    );
    await expect(cloning).rejects.toMatchObject({ code: 'deadline-exceeded' });
  });

  test('one that sends garbage fails with git’s own words', async () => {
    const { run } = await setting();
    const port = await tcpServer((socket) => socket.end('SSH-2.0-garbage\n'));
    await expect(run({ remoteUri: `git://127.0.0.1:${port}/x` })).rejects.toMatchObject({
      code: 'git-failed',
      message: expect.stringMatching(/protocol error|bad line length/),
    });
  });

  test('plain http is refused unless the installation allows it', async () => {
    const { run, server } = await setting();
    const cloning = run({ remoteUri: `${server.url}/source` }, { git: { allowHttp: false } });
    await expect(cloning).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('a failed clone can be tried again in the same folder', async () => {
    const { run, server, folder } = await setting();
    await writeFile(join(folder, 'left over'), 'from an interrupted attempt');
    await run({ remoteUri: `${server.url}/source` });
    expect(await readdir(folder)).not.toContain('left over');
  });

  test('a repository with a file where our folder goes keeps it under its new name', async () => {
    const { run, server, root, folder } = await setting();
    await commit(join(root, 'source'), { '.gitpod': 'tasks: []' });
    const { warnings } = await run({ remoteUri: `${server.url}/source` });
    expect(await readFile(join(folder, '.gitpod.yaml'), 'utf8')).toBe('tasks: []');
    expect(warnings).toHaveLength(1);
  });
});

const HANGING_CLONE = fileURLToPath(new URL('../content/support/hanging-clone.ts', import.meta.url));

function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

const withoutAuth = {
  customConfig: {},
  authentication: GitAuthMethod.NO_AUTH,
  authUser: '',
  authPassword: '',
  authOts: '',
};

function basicAuth(authPassword: string) {
  return { ...withoutAuth, authentication: GitAuthMethod.BASIC_AUTH, authUser: 'ada', authPassword };
}

async function setting() {
  const base = await temporaryFolder();
  const root = join(base, 'served');
  const source = await sourceRepository(join(root, 'source'));
  const server = await serveGit(root);
  const commands: ProcessCommand[] = [];
  const place = watched(newPlace(base), commands);
  // As root, git runs as another user, who must be able to reach the folder.
  execFileSync('chmod', ['755', base]);
  const folder = await contentFolder(place, join(base, 'content'));
  const run = async (input: Partial<GitInitializer>, more: Partial<InitializeContext> = {}) => {
    const value: GitInitializer = { ...GitInitializer.create({}), config: withoutAuth, ...input };
    const context = contextFor(place, folder, { git: { allowHttp: true }, ...more });
    return initialize(planOf({ spec: { $case: 'git', value } }), context, { isFreshStart: false });
  };
  return { root, source, server, place, folder, run, commands };
}

/** The same place, with every process that is started written down. */
function watched(place: ReturnType<typeof newPlace>, commands: ProcessCommand[]) {
  const { processes } = place.world;
  return withProcesses(place, {
    start: (command) => {
      commands.push(command);
      return processes.start(command);
    },
  });
}

async function addSubmodule(repository: string, url: string): Promise<void> {
  for (const branch of ['topic', 'main']) {
    git(repository, 'checkout', '-q', branch);
    git(
      repository,
      'submodule',
      '--quiet',
      'add',
      '--force',
      url.replace(/^\.\./, join(repository, '..')),
      'part',
    );
    git(repository, 'config', '--file', '.gitmodules', 'submodule.part.url', url);
    await commit(repository, {});
    git(repository, 'submodule', '--quiet', 'deinit', '--force', '--all');
  }
}

function contains(folder: string, text: string): boolean {
  try {
    execFileSync('grep', ['-rqF', text, folder]);
    return true;
  } catch {
    return false;
  }
}

async function tcpServer(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
