import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

const { PATH = '' } = process.env;
const ENVIRONMENT = {
  PATH,
  HOME: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
};

/** Git as the person who prepares a test uses it. */
export function git(folder: string, ...args: readonly string[]): string {
  const safe = [
    '-c',
    'init.defaultBranch=main',
    '-c',
    'safe.directory=*',
    '-c',
    'protocol.file.allow=always',
  ];
  return execFileSync('git', [...safe, ...args], {
    cwd: folder,
    env: ENVIRONMENT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

/** Writes files and commits them; returns the commit's hash. */
export async function commit(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  git(folder, 'add', '--all');
  git(folder, 'commit', '-q', '--allow-empty', '-m', Object.keys(files).join(', ') || 'empty');
  return git(folder, 'rev-parse', 'HEAD');
}

/** A repository with three commits on `main` and a branch `topic`. */
export async function sourceRepository(folder: string) {
  await mkdir(folder, { recursive: true });
  git(folder, 'init', '-q');
  const first = await commit(folder, { 'a.txt': 'one' });
  await commit(folder, { 'a.txt': 'two' });
  const head = await commit(folder, { 'b/c.txt': 'three' });
  git(folder, 'checkout', '-q', '-b', 'topic');
  const topic = await commit(folder, { 'topic.txt': 'topic' });
  git(folder, 'checkout', '-q', 'main');
  return { first, head, topic };
}

export interface GitServer {
  /** URL of the folder the repositories lie in. */
  readonly url: string;
  readonly requests: { authorized: number };
}

/** Serves every repository below `root` over HTTP with git's own CGI program, for a password if one is given. */
export async function serveGit(root: string, password?: string): Promise<GitServer> {
  const requests = { authorized: 0 };
  const expected = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    if (password !== undefined && request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
      return;
    }
    if (password !== undefined) requests.authorized += 1;
    answerGit(root, request, response);
  });
  const url = await listen(server);
  return { url, requests };
}

/** Listens on a free port of the loopback until the test ends. */
export async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Answers one request for a repository below `root`. */
export function answerGit(root: string, request: IncomingMessage, response: ServerResponse): void {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const backend = spawn('git', ['-c', 'safe.directory=*', 'http-backend'], {
    env: {
      ...ENVIRONMENT,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      GIT_CONFIG_KEY_1: 'uploadpack.allowAnySHA1InWant',
      GIT_CONFIG_VALUE_1: 'true',
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: 'ada',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(backend.stdin);
  relay(backend, response);
}

/** CGI's header lines, then the body as it comes. */
function relay(backend: ChildProcess, response: ServerResponse): void {
  let head = Buffer.alloc(0);
  let isBody = false;
  backend.stdout?.on('data', (chunk: Buffer) => {
    if (isBody) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    isBody = true;
    for (const line of head.subarray(0, end).toString().split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
  });
  backend.stdout?.on('end', () => response.end());
}
