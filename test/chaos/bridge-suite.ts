import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SeededRandom } from '../../src/gateways/simulated/random.js';
import { RowReader } from '../services/support/row-reader.js';
import { Mariadb, newDatabase } from '../support/mariadb.js';
import { Redis } from '../support/redis.js';
import { BridgeRound, VICTIMS, type Victim } from './bridge-round.js';
import { endProcessesAt } from './left.js';
import { Program } from './program.js';

/** Each is killed so often in a round. */
const KILLS_EACH = 2;
const PAUSE_MAX_MS = 1_200;
const DOWN_MAX_MS = 600;

export interface BridgeSuite {
  readonly folder: string;
  readonly print: (line: string) => void;
}

/**
 * MariaDB, Redis, the manager and the bridge are killed in turn while workspaces start and stop; false when a row was
 * not right afterwards.
 */
export async function runBridgeRounds(
  suite: BridgeSuite,
  seeds: readonly number[],
): Promise<{ kills: number; broken: number }> {
  const [mariadb, redis] = await Promise.all([Mariadb.start(), Redis.start()]);
  let [kills, broken] = [0, 0];
  try {
    for (const seed of seeds) {
      try {
        const killed = await runRound(suite.folder, { mariadb, redis }, seed);
        kills += killed.count;
        suite.print(`ok      bridge seed ${seed}: ${killed.outcome}`);
      } catch (error) {
        broken += 1;
        suite.print(`BROKEN  bridge seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
        suite.print(`        repeat with: npm run chaos -- --rounds 1 --seed ${seed} bridge`);
      }
    }
  } finally {
    await mariadb.server.stop();
    await redis.server.stop();
  }
  return { kills, broken };
}

async function runRound(folder: string, servers: { mariadb: Mariadb; redis: Redis }, seed: number) {
  const { mariadb, redis } = servers;
  const random = new SeededRandom(seed);
  const stateFolder = join(folder, `bridge-${seed}`);
  const { url, drop } = await newDatabase({ url: mariadb.url });
  const config = join(folder, `bridge-${seed}.json`);
  await writeFile(config, JSON.stringify({ database: url, redis: redis.url, controllerIntervalSeconds: 1 }));
  const programs = {
    daemon: new Program('daemon', stateFolder, undefined),
    manager: new Program('manager', stateFolder, undefined),
    bridge: new Program('bridge', stateFolder, config),
  };
  const victims: Readonly<Record<Victim, { kill(): Promise<void>; start(): Promise<void> }>> = {
    mariadb: mariadb.server,
    redis: redis.server,
    manager: programs.manager,
    bridge: programs.bridge,
  };
  const reader = new RowReader(url);
  try {
    for (const program of [programs.daemon, programs.manager, programs.bridge]) await program.start();
    const round = new BridgeRound({ stateFolder, name: `s${seed}`, random, reader });
    const turns = order(random);
    const working = round.work();
    working.catch(() => undefined);
    for (const victim of turns) {
      await pause(random.fraction() * PAUSE_MAX_MS);
      await victims[victim].kill();
      await pause(random.fraction() * DOWN_MAX_MS);
      await victims[victim].start();
    }
    round.finish();
    await working;
    const told = await round.expectTruth();
    return { count: turns.length, outcome: `${turns.join(', ')} killed; ${told}` };
  } catch (error) {
    const ended = Object.values(programs).filter((program) => program.hasEnded);
    const names = ended.map((program) => program.name).join(', ');
    throw new Error(
      `${error instanceof Error ? error.message : error}${names && `\nended by itself: ${names}`}`,
    );
  } finally {
    for (const program of [programs.bridge, programs.manager, programs.daemon]) await program.kill('SIGTERM');
    await endProcessesAt(`${stateFolder}/`);
    await reader.close();
    await drop();
    rmSync(stateFolder, { recursive: true, force: true });
  }
}

/** Each as often, in an order that the seed decides. */
function order(random: SeededRandom): Victim[] {
  const left = Array.from({ length: KILLS_EACH }, () => VICTIMS).flat();
  const turns: Victim[] = [];
  while (left.length > 0) turns.push(...left.splice(Math.floor(random.fraction() * left.length), 1));
  return turns;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
