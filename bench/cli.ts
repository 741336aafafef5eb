import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { interleaved } from './interleaved.js';
import type { Measuring } from './measuring.js';
import { milliseconds, notMeasured, type Row } from './row.js';

const root = join(import.meta.dirname, '..');
const steward = join(root, 'bin', 'steward.js');
const RUNS = 15;
const INSTANCES = 3;
/** Of what Node itself needs to start, and what comes on top. */
const SHARE_MOST = 1.5;
const OWN_MOST_MS = 150;

/** The command as people have it, built, against a system that is warm. */
export async function benchCli(measuring: Measuring): Promise<readonly Row[]> {
  const what = '`list --json` of a warm system, start to end of the process';
  if (!existsSync(join(root, 'dist'))) return [notMeasured(what, 'npm run build has not run')];
  const state = join(measuring.newFolder(), 'state');
  const up = spawn(process.execPath, [steward, 'up', '--json', '--state', state, '--log-level', 'fatal'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(createInterface({ input: up.stdout }), 'line');
    for (let number = 1; number <= INSTANCES; number += 1) {
      await run([
        steward,
        'start',
        '--empty',
        '--instance',
        `i-${number}`,
        '--wait',
        '--quiet',
        '--state',
        state,
      ]);
    }
    const ms = await interleaved(RUNS, [
      { name: 'list', run: () => run([steward, 'list', '--json', '--state', state]) },
      { name: 'node', run: () => run(['-e', '0']) },
      { name: 'help', run: () => run([steward, 'list', '--help']) },
    ]);
    return [within(what, ms.list, ms.node), within('`list --help`, which talks to nobody', ms.help, ms.node)];
  } finally {
    for (let number = 1; number <= INSTANCES; number += 1) {
      await run([steward, 'stop', `i-${number}`, '--abort', '--yes', '--wait', '--quiet', '--state', state]);
    }
    up.kill('SIGTERM');
    await once(up, 'exit');
  }
}

function within(what: string, oursMs: number, nodeMs: number): Row {
  const mostMs = SHARE_MOST * nodeMs + OWN_MOST_MS;
  return {
    what,
    ours: milliseconds(oursMs),
    against: `${milliseconds(nodeMs)} (node -e 0)`,
    result: `${milliseconds(oursMs - nodeMs)} on top`,
    target: `≤ 1.5 × + ${OWN_MOST_MS} ms = ${milliseconds(mostMs)}`,
    isMet: oursMs <= mostMs,
  };
}

async function run(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
}
