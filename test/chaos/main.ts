import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../src/gateways/simulated/random.js';
import { KILL_WINDOW_MS, type RoundKind, rounds } from './rounds.js';
import { System } from './system.js';

/**
 * `npm run chaos -- [--rounds 10] [--seed 1] [set-up|backup|wrap-up]`: SIGKILLs the real system in the middle of
 * each kind of step, starts it again, and checks that the workspace is complete or cleanly gone and that every
 * backup restores. A failure prints the command that repeats it.
 */
const options = parse(process.argv.slice(2));
const folder = mkdtempSync(join(tmpdir(), 'steward-chaos-'));
// As root, content belongs to another user, who must be able to reach it.
chmodSync(folder, 0o755);
const FILES = 2_000;
let failures = 0;

const git = await serveRepository();
try {
  for (const kind of options.kinds) {
    for (let index = 0; index < options.rounds; index += 1) failures += await run(kind, options.seed + index);
  }
} finally {
  git.stop();
  rmSync(folder, { recursive: true, force: true });
}
console.log(`\n${options.kinds.length * options.rounds} rounds, ${failures} broken`);
process.exitCode = failures === 0 ? 0 : 1;

async function run(kind: RoundKind, seed: number): Promise<number> {
  const stateFolder = join(folder, `${kind}-${seed}`);
  const system = new System(stateFolder);
  const moment = new SeededRandom(seed).fraction();
  try {
    const outcome = await rounds[kind]({
      system,
      gitUrl: git.url,
      name: `${kind}-${seed}`,
      moment,
      fileCount: FILES,
    });
    console.log(
      `ok      ${kind} seed ${seed}: killed ${Math.round(moment * KILL_WINDOW_MS)} ms in, ${outcome}`,
    );
    return 0;
  } catch (error) {
    console.log(`BROKEN  ${kind} seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
    console.log(`        repeat with: npm run chaos -- --rounds 1 --seed ${seed} ${kind}`);
    return 1;
  } finally {
    await system.kill('SIGTERM');
    rmSync(stateFolder, { recursive: true, force: true });
  }
}

/** A repository with enough files that a clone takes a moment, over git's own protocol on loopback. */
async function serveRepository() {
  const repository = join(folder, 'served', 'repository');
  mkdirSync(join(repository, 'files'), { recursive: true });
  const random = new SeededRandom(options.seed);
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

function parse(words: readonly string[]) {
  const kinds = Object.keys(rounds).filter((kind): kind is RoundKind => kind in rounds);
  const numberAfter = (flag: string, otherwise: number) => {
    const at = words.indexOf(flag);
    return at < 0 ? otherwise : Number(words[at + 1]);
  };
  const named = kinds.filter((kind) => words.includes(kind));
  return {
    kinds: named.length > 0 ? named : kinds,
    rounds: numberAfter('--rounds', 10),
    seed: numberAfter('--seed', 1),
  };
}
