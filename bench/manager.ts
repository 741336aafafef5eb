import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realWorld } from '../src/gateways/real/world.js';
import { RuntimeServiceService } from '../src/gen/steward/v1/runtime.js';
import {
  StopWorkspacePolicy,
  WorkspaceManagerService,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../src/gen/ws-manager-api/core.js';
import { createChannel } from '../src/grpc/channel.js';
import { createClient } from '../src/grpc/client.js';
import { startRequest } from '../test/manager/rig.js';
import { benchFeed } from './feed.js';
import { interleaved } from './interleaved.js';
import type { Measuring } from './measuring.js';
import { milliseconds, type Row } from './row.js';
import { startTalkingChild } from './talking-child.js';

const STARTS = 15;
const LIVES = 200;
const AT_A_TIME = 8;
const FIRST_LINE_MOST_MS = 150;
const BYSTANDER_MOST_MS = 50;
const CALL_DEADLINE_MS = 10 * 60_000;
const COMMAND = ['/bin/sh', '-c', 'echo hello; exec sleep infinity'];
const { ABORT, NORMALLY } = StopWorkspacePolicy;
const { RUNNING, STOPPED } = WorkspacePhase;

/** A manager with a daemon, as users have them, and its stream of statuses. */
export async function benchManager(measuring: Measuring): Promise<readonly Row[]> {
  const child = startTalkingChild('manager-child-process.ts', measuring.newFolder());
  const address = await child.hear();
  const channel = createChannel(address, { clock: realWorld().clock });
  const steward = new Steward(channel);
  try {
    await steward.live('warm');
    const rows = [await benchFirstLine(steward), await benchLives(steward, address, measuring)];
    return [...rows, ...(await benchFeed(measuring))];
  } finally {
    await steward.stopAll();
    steward.close();
    channel.close();
    await child.stop();
  }
}

async function benchFirstLine(steward: Steward): Promise<Row> {
  const ms = await interleaved(STARTS, [
    {
      name: 'ours',
      run: async (round) => {
        await steward.start(`first-${round}`);
        await steward.firstLine(`first-${round}`);
      },
    },
    { name: 'spawn', before: () => steward.stopAll(), run: spawnFirstLine },
  ]);
  return {
    what: 'start to the first line of its command, empty initializer',
    ours: milliseconds(ms.ours),
    against: `${milliseconds(ms.spawn)} (spawn of the same command)`,
    result: milliseconds(ms.ours),
    target: `≤ ${FIRST_LINE_MOST_MS} ms`,
    isMet: ms.ours <= FIRST_LINE_MOST_MS,
  };
}

async function benchLives(steward: Steward, address: string, { scale }: Measuring): Promise<Row> {
  await steward.start('bystander');
  await steward.until('bystander', RUNNING);
  const bystander = startTalkingChild('bystander-child-process.ts', address, 'bystander');
  await bystander.hear();
  const count = Math.round(LIVES * scale);
  const start = performance.now();
  const ids = Array.from({ length: count }, (_, index) => `life-${index}`)[Symbol.iterator]();
  const worker = async () => {
    for (const id of ids) await steward.live(id);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  const totalMs = performance.now() - start;
  bystander.finish();
  const times: number[] = JSON.parse(await bystander.hear());
  const p99 = percentile(times, 0.99);
  return {
    what: `a bystander's call while ${count} are started and stopped, ${AT_A_TIME} at a time (p99)`,
    ours: milliseconds(p99),
    against: `${milliseconds(percentile(times, 0.5))} (its median), ${milliseconds(percentile(times, 1))} (most)`,
    result: `${milliseconds(p99)}, all in ${(totalMs / 1000).toFixed(1)} s`,
    target: `≤ ${BYSTANDER_MOST_MS} ms`,
    isMet: p99 <= BYSTANDER_MOST_MS,
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function spawnFirstLine(): Promise<void> {
  const [program = '', ...args] = COMMAND;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
}

/** The manager through its wire, with one stream that tells all phases. */
class Steward {
  readonly #manager;
  readonly #runtime;
  readonly #phases = new Map<string, WorkspacePhase>();
  readonly #waiting = new Map<string, () => void>();
  readonly #stream;

  constructor(channel: ReturnType<typeof createChannel>) {
    this.#manager = createClient(WorkspaceManagerService, channel, { timeoutMs: CALL_DEADLINE_MS });
    this.#runtime = createClient(RuntimeServiceService, channel, { timeoutMs: CALL_DEADLINE_MS });
    this.#stream = this.#manager.subscribe({ mustMatch: undefined });
    void this.#follow().catch(() => undefined);
  }

  async start(id: string): Promise<void> {
    const annotations = { 'steward.dev/command': JSON.stringify(COMMAND) };
    await this.#manager.startWorkspace(startRequest({ id, metadata: { metaId: id, annotations } }));
  }

  /** Resolves with its first output. */
  async firstLine(instanceId: string): Promise<void> {
    const output = this.#runtime.logs({ instanceId, follow: true, tailLines: undefined });
    for await (const _ of output) return;
  }

  async stop(id: string, policy: StopWorkspacePolicy): Promise<void> {
    await this.#manager.stopWorkspace({ id, policy });
    if (this.#phases.has(id)) await this.until(id, STOPPED);
  }

  /** What runs outlives its manager, which is what it is for, but not this bench. */
  async stopAll(): Promise<void> {
    for (const [id, phase] of this.#phases) if (phase !== STOPPED) await this.stop(id, ABORT);
  }

  async live(id: string): Promise<void> {
    await this.start(id);
    await this.until(id, RUNNING);
    await this.stop(id, NORMALLY);
  }

  async until(id: string, phase: WorkspacePhase): Promise<void> {
    while (this.#phases.get(id) !== phase) {
      await new Promise<void>((resolve) => this.#waiting.set(id, resolve));
    }
  }

  close(): void {
    this.#stream.cancel();
  }

  async #follow(): Promise<void> {
    for await (const { status } of this.#stream) this.#see(status);
  }

  #see(status: WorkspaceStatus | undefined): void {
    if (status === undefined) return;
    this.#phases.set(status.id, status.phase);
    this.#waiting.get(status.id)?.();
  }
}
