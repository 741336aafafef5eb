import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { run } from './run.js';
import { serveHttp } from './serve-http.js';

const LISTEN_MS = 5_000;

export interface GitServer {
  readonly url: string;
  close(): void;
}

/** Serves the repositories below `folder` on loopback, with `git daemon` where it is installed, else over HTTP. */
export async function serve(folder: string): Promise<GitServer> {
  const programs = (await run('git', ['--exec-path'])).toString().trim();
  const isThere = await access(join(programs, 'git-daemon')).then(
    () => true,
    () => false,
  );
  return isThere ? serveWithDaemon(folder) : serveHttp(folder, join(programs, 'git-http-backend'));
}

async function serveWithDaemon(folder: string): Promise<GitServer> {
  const port = await freePort();
  const flags = [
    '--reuseaddr',
    '--export-all',
    '--listen=127.0.0.1',
    `--port=${port}`,
    `--base-path=${folder}`,
  ];
  // A group of its own, because `git daemon` is a child of `git` and both must end.
  const child = spawn('git', ['daemon', ...flags, folder], { stdio: 'ignore', detached: true });
  const close = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  child.on('error', close);
  try {
    await untilListening(port);
  } catch (error) {
    close();
    throw error;
  }
  return { url: `git://127.0.0.1:${port}/steward.git`, close };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('no port on loopback is free'));
      });
    });
  });
}

async function untilListening(port: number): Promise<void> {
  for (const end = Date.now() + LISTEN_MS; Date.now() < end; ) {
    if (await answers(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`git daemon does not answer on port ${port}`);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const finish = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}
