import { homedir, tmpdir } from 'node:os';
import { status } from '@grpc/grpc-js';
import { placesOf } from '../../src/cli/places.js';
import { phaseName } from '../../src/cli/wire-names.js';
import { StewardError } from '../../src/errors/steward-error.js';
import type { Random } from '../../src/gateways/random.js';
import { realWorld } from '../../src/gateways/real/world.js';
import {
  StartWorkspaceRequest,
  StopWorkspacePolicy,
  WorkspaceManagerService,
} from '../../src/gen/ws-manager-api/core.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import type { RowReader, SeenRow } from '../services/support/row-reader.js';

export const VICTIMS = ['mariadb', 'redis', 'manager', 'bridge'] as const;
export type Victim = (typeof VICTIMS)[number];

const CALL_MS = 20_000;
const CALLERS = 3;
const TRUTH_MS = 90_000;
const POLL_MS = 100;
/** Of those that were started, this share is asked to stop. */
const STOP_SHARE = 0.7;

const DONE_BEFORE: ReadonlySet<status> = new Set([status.ALREADY_EXISTS, status.NOT_FOUND]);
const TO_REPEAT: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.RESOURCE_EXHAUSTED,
]);

interface RoundOptions {
  readonly stateFolder: string;
  readonly name: string;
  readonly random: Random;
  readonly reader: RowReader;
}

/** Callers start and stop workspaces all the time, whatever is killed meanwhile, and remember what they were told. */
export class BridgeRound {
  readonly #options: RoundOptions;
  readonly #channel;
  readonly #manager;
  /** Instances whose start was answered, and whether their stop was asked for. */
  readonly #started = new Map<string, { isStopped: boolean }>();
  #isOver = false;

  constructor(options: RoundOptions) {
    this.#options = options;
    const user = { uid: process.getuid?.() ?? 0, home: homedir(), env: process.env, temporary: tmpdir() };
    const { addresses } = placesOf(user, options.stateFolder);
    this.#channel = createChannel(addresses.manager, { clock: realWorld().clock });
    this.#manager = createClient(WorkspaceManagerService, this.#channel, { timeoutMs: CALL_MS });
  }

  async work(): Promise<void> {
    await Promise.all(Array.from({ length: CALLERS }, (_, caller) => this.#call(caller)));
  }

  finish(): void {
    this.#isOver = true;
  }

  /** The rows come to what the manager says, and say so themselves; answers with how many there are. */
  async expectTruth(): Promise<string> {
    const deadline = Date.now() + TRUTH_MS;
    try {
      for (;;) {
        const wrong = await this.#wrong().catch((error: unknown) => [String(error)]);
        if (wrong.length === 0) break;
        if (Date.now() > deadline) throw new Error(wrong.join('\n'));
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    } finally {
      this.#channel.close();
    }
    const stopped = [...this.#started.values()].filter(({ isStopped }) => isStopped).length;
    return `${this.#started.size} workspaces started, ${stopped} stopped, every row right`;
  }

  async #call(caller: number): Promise<void> {
    for (let number = 0; !this.#isOver; number += 1) {
      const id = `${this.#options.name}-${caller}-${number}`;
      await this.#insist(() => this.#manager.startWorkspace(request(id)));
      const workspace = { isStopped: false };
      this.#started.set(id, workspace);
      if (this.#options.random.fraction() > STOP_SHARE) continue;
      await this.#insist(() => this.#manager.stopWorkspace({ id, policy: StopWorkspacePolicy.NORMALLY }));
      workspace.isStopped = true;
    }
  }

  /** Until it is answered: a manager that is killed has perhaps done it already. */
  async #insist(call: () => Promise<unknown>): Promise<void> {
    for (;;) {
      try {
        await call();
        return;
      } catch (error) {
        const code = error instanceof StewardError ? error.entry.status : status.INTERNAL;
        if (DONE_BEFORE.has(code)) return;
        if (!TO_REPEAT.has(code)) throw error;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  }

  /** What is not right yet, in words. */
  async #wrong(): Promise<string[]> {
    const { reader, name } = this.#options;
    const { status: statuses } = await this.#manager.getWorkspaces({ mustMatch: undefined });
    const rows = new Map((await reader.rows(`${name}-`)).map((row) => [row.id, row]));
    const strangers = [...rows.keys()].filter((id) => !this.#started.has(id));
    const wrong = strangers.map((id) => `${id} has a row and was never started`);
    const waiting = await reader.waitingEvents();
    if (waiting > 0) wrong.push(`${waiting} events are not published`);
    for (const [id, { isStopped }] of this.#started) {
      const row = rows.get(id);
      if (row === undefined) wrong.push(`${id} has no row`);
      else wrong.push(...wrongIn(row, isStopped));
    }
    for (const { id, statusVersion, phase } of statuses) {
      const row = rows.get(id);
      if (row === undefined) continue;
      if (row.version !== statusVersion) wrong.push(`${id} has version ${row.version} of ${statusVersion}`);
      const told = phaseName(phase).toLowerCase();
      if (row.phase !== told) wrong.push(`${id} is ${row.phase}, and its manager says ${told}`);
    }
    return wrong;
  }
}

function wrongIn(row: SeenRow, isStopped: boolean): string[] {
  const { id, phase, phasePersisted, startedTime, stoppingTime, stoppedTime, message } = row;
  const times = [startedTime, stoppingTime, stoppedTime].filter((time) => time !== '');
  const wrong: string[] = [];
  if (phase !== (isStopped ? 'stopped' : 'running')) wrong.push(`${id} is ${phase}`);
  if (phase !== phasePersisted) wrong.push(`${id} is ${phase} and ${phasePersisted}`);
  if (isStopped && (stoppingTime === '' || stoppedTime === '')) wrong.push(`${id} was stopped at no time`);
  if (!isStopped && startedTime === '') wrong.push(`${id} was started at no time`);
  if ([...times].sort().join() !== times.join()) wrong.push(`${id} has times in no order: ${times}`);
  if (message.startsWith('The bridge stopped')) wrong.push(`${id}: ${message}`);
  return wrong;
}

function request(id: string): StartWorkspaceRequest {
  return StartWorkspaceRequest.fromPartial({
    ...{ id, servicePrefix: `w-${id}` },
    metadata: { owner: 'chaos', metaId: `w-${id}` },
    spec: {
      ...{ workspaceImage: 'local', workspaceLocation: '/workspace', ideImage: { webRef: 'none' } },
      initializer: { spec: { $case: 'empty', value: {} } },
    },
  });
}
