import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { INSTANCE_CHANNEL } from '../src/bridge/channels.js';
import type { ManagerAnswer, ManagerOrder } from './bridge-manager-child.js';
import { idOf, ownerOf, workspaceOf } from './bridge-names.js';
import type { BridgeServers } from './bridge-servers.js';
import { startProgram } from './program-process.js';
import { startTalkingChild, type TalkingChild } from './talking-child.js';

/** How often the database is asked whether everything is there. */
const LOOK_EVERY_MS = 5;
const FINAL_DEADLINE_MS = 300_000;
const ROWS_PER_INSERT = 1_000;

type Program = Awaited<ReturnType<typeof startProgram>>;

/** A bridge, a manager that tells, and the database they meet in; each in a process of its own. */
export class Installation {
  readonly #manager: TalkingChild;
  readonly #bridge: Program;
  readonly #database: Connection;
  readonly #redis: Redis;

  static async start(servers: BridgeServers, folder: string): Promise<Installation> {
    const socket = join(folder, 'manager.sock');
    const manager = startTalkingChild('bridge-manager-child.ts', socket);
    await manager.hear();
    const url = await servers.newDatabase();
    const config = {
      ...{
        database: url,
        redis: servers.redisUrl,
        stateFolder: folder,
        listen: [`unix:${join(folder, 'bridge.sock')}`],
      },
      ...{ clusters: [{ name: 'bench', url: `unix:${socket}` }], adoptUnknownInstances: false },
      // Nothing but what is measured.
      ...{ controllerIntervalSeconds: 3_600, wsClusterDBReconcileIntervalSeconds: 3_600 },
    };
    const file = join(folder, 'bridge.json');
    writeFileSync(file, JSON.stringify(config));
    const bridge = await startProgram('bridge', '--config', file);
    return new Installation(manager, bridge, await createConnection(url), new Redis(servers.redisUrl));
  }

  private constructor(manager: TalkingChild, bridge: Program, database: Connection, redis: Redis) {
    this.#manager = manager;
    this.#bridge = bridge;
    this.#database = database;
    this.#redis = redis;
  }

  async stop(): Promise<void> {
    await this.#database.end();
    this.#redis.disconnect();
    await this.#bridge.stop();
    await this.#manager.stop();
  }

  /** What the manager says when it has done so. */
  async order<Order extends ManagerOrder>(order: Order): Promise<ManagerAnswer[Order['do']]> {
    this.#manager.say(JSON.stringify(order));
    while (true) {
      const answer = JSON.parse(await this.#manager.hear());
      // New subscriptions are told in between.
      if (answer.did === order.do) return answer;
    }
  }

  get bridge(): Pick<Program, 'cpuSeconds' | 'settled' | 'peak' | 'forgetPeak'> {
    return this.#bridge;
  }

  /** Only `count` instances have rows, as whoever starts instances leaves them. */
  async renew(count: number): Promise<void> {
    for (const table of ['d_b_workspace_instance', 'd_b_workspace', 'd_b_workspace_instance_metrics']) {
      await this.#database.query(`truncate table ${table}`);
    }
    const status = JSON.stringify({ version: 0, conditions: {}, phase: 'preparing' });
    for (let from = 0; from < count; from += ROWS_PER_INSERT) {
      const numbers = Array.from(
        { length: Math.min(ROWS_PER_INSERT, count - from) },
        (_, index) => from + index,
      );
      await this.#database.query(
        'insert into d_b_workspace (id, ownerId, creationTime, contextURL, description, context, config) values ?',
        [numbers.map((index) => [workspaceOf(index), ownerOf(index), CREATED, '', '', '{}', '{}'])],
      );
      await this.#database.query(
        'insert into d_b_workspace_instance (id, workspaceId, region, creationTime, ideUrl, workspaceImage, status, phasePersisted) values ?',
        [
          numbers.map((index) => [
            idOf(index),
            workspaceOf(index),
            'bench',
            CREATED,
            '',
            '',
            status,
            'preparing',
          ]),
        ],
      );
    }
  }

  /** What was final is so no more. */
  async forget(): Promise<void> {
    await this.#database.query(
      "update d_b_workspace_instance set status = json_set(status, '$.message', '')",
    );
  }

  /** When the last `changed` of `count` instances had their last status in their rows, with all their times; milliseconds since the epoch. */
  async allFinal(count: number, changed = count): Promise<number> {
    const deadline = performance.now() + FINAL_DEADLINE_MS;
    while (performance.now() < deadline) {
      if ((await this.#finals('id = ?', idOf(count - 1))) === 1) {
        const at = performance.timeOrigin + performance.now();
        if ((await this.#finals('id >= ?', idOf(count - changed))) === changed) return at;
      }
      await pause(LOOK_EVERY_MS);
    }
    throw new Error(`${count} instances did not get their last status`);
  }

  /** When events about instances arrive, by instance: the last of each. */
  async hearEvents(): Promise<ReadonlyMap<string, number>> {
    const heard = new Map<string, number>();
    this.#redis.on('message', (_, text: string) => {
      heard.set(JSON.parse(text).instanceID, performance.timeOrigin + performance.now());
    });
    await this.#redis.subscribe(INSTANCE_CHANNEL);
    return heard;
  }

  async #finals(where: string, id: string): Promise<number> {
    const [rows] = await this.#database.query<RowDataPacket[]>(
      `select count(*) as finals from d_b_workspace_instance where ${where}
        and json_value(status, '$.message') = 'final'
        and (phasePersisted <> 'running' or startedTime <> '')
        and (phasePersisted <> 'stopped' or startedTime <> '' and stoppingTime <> '' and stoppedTime <> '')`,
      [id],
    );
    return Number(rows[0]?.['finals']);
  }
}

const CREATED = '2026-01-01T00:00:00.000Z';
