import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SeededRandom } from '../../src/gateways/simulated/random.js';
import { KILL_WINDOW_MS, type RoundKind, rounds } from './rounds.js';
import { System } from './system.js';

export const SYSTEM_KINDS = Object.keys(rounds).filter((kind): kind is RoundKind => kind in rounds);

const FILES = 2_000;

export interface SystemSuite {
  readonly folder: string;
  readonly gitUrl: string;
  readonly print: (line: string) => void;
}

/** The whole system is killed in the middle of one kind of step; false when a promise broke. */
export async function runSystemRound(suite: SystemSuite, kind: RoundKind, seed: number): Promise<boolean> {
  const { gitUrl, print } = suite;
  const stateFolder = join(suite.folder, `${kind}-${seed}`);
  const system = new System(stateFolder);
  const moment = new SeededRandom(seed).fraction();
  try {
    const name = `${kind}-${seed}`;
    const outcome = await rounds[kind]({ system, gitUrl, name, moment, fileCount: FILES });
    print(`ok      ${kind} seed ${seed}: killed ${Math.round(moment * KILL_WINDOW_MS)} ms in, ${outcome}`);
    return true;
  } catch (error) {
    print(`BROKEN  ${kind} seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
    print(`        repeat with: npm run chaos -- --rounds 1 --seed ${seed} ${kind}`);
    return false;
  } finally {
    await system.kill('SIGTERM');
    rmSync(stateFolder, { recursive: true, force: true });
  }
}

/** A repository with enough files that a clone takes a moment, over git's own protocol on loopback. */
export async function serveRepository(folder: string, seed: number) {
  const repository = join(folder, 'served', 'repository');
  mkdirSync(join(repository, 'files'), { recursive: true });
  const random = new SeededRandom(seed);
  for (let index = 0; index < FILES; index += 1) {
    writeFileSync(join(repository, 'files', `${index}.bin`), random.bytes(20_000));
  }
  for (const args of [
    ['init', '-q'],
    ['add', '.'],
    ['commit', '-q', '-m', 'Start'],
  ]) {
    const identity = ['-c', 'user.name=Chaos', '-c', 'user.email=chaos@example.com'];
    const { status, stderr } = spawnSync('git', [...identity, ...args], {
      cwd: repository,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
  }
  const port = await freePort();
  const daemon = spawn(
    'git',
    [
      'daemon',
      '--listen=127.0.0.1',
      `--port=${port}`,
      '--export-all',
      '--reuseaddr',
      `--base-path=${join(folder, 'served')}`,
    ],
    {
      stdio: 'ignore',
      detached: true,
      env: {
        ...process.env,
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
      },
    },
  );
  return {
    url: `git://127.0.0.1:${port}/repository`,
    stop: () => {
      if (daemon.pid !== undefined) process.kill(-daemon.pid, 'SIGKILL');
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('no port')),
      );
    });
  });
}
