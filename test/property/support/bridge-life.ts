import type { Knex } from 'knex';
import pino from 'pino';
import { Registry } from 'prom-client';
import { Alarm } from '../../../src/bridge/cluster/alarm.js';
import { ControlLoop } from '../../../src/bridge/cluster/control-loop.js';
import { readOpenRows } from '../../../src/bridge/cluster/open-rows.js';
import { StopGuard } from '../../../src/bridge/cluster/stop-guard.js';
import { checkLease, type Lease, takeLease } from '../../../src/bridge/lease.js';
import { BridgeMetrics } from '../../../src/bridge/metrics.js';
import { acceptStatus } from '../../../src/bridge/pipeline/accept.js';
import type { Lane } from '../../../src/bridge/pipeline/instance-mailboxes.js';
import type { StopRequest } from '../../../src/bridge/pipeline/updates.js';
import { createPipeline, type Pipeline } from '../../../src/bridge/pipeline.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import type { WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { steadyRandom } from '../../bridge/support/manual-clock.js';
import { observe } from '../../bridge/support/observed-rows.js';
import type { BridgeWorld } from './bridge-world.js';

type Work<Result> = (transaction: Knex.Transaction) => Promise<Result>;

/** What a transaction meets. `unanswered` has committed, `late` commits after its caller was told that it failed. */
export type WriteFault = 'refused' | 'unanswered' | 'late';
/** `unanswered` has arrived. */
export type PublishFault = 'refused' | 'unanswered';

/** From one start of a bridge to its death, or until another one has taken over: its pipeline, stream and lists. */
export class BridgeLife {
  readonly #world: BridgeWorld;
  readonly #lease: Lease;
  readonly #guard: StopGuard;
  readonly #control: ControlLoop;
  readonly #relaying = new AbortController();
  readonly pipeline: Pipeline;
  #mayPublish = true;
  #stream: Promise<void> = Promise.resolve();
  #lists: Promise<void> = Promise.resolve();

  static async begin(world: BridgeWorld): Promise<BridgeLife> {
    const lease = await takeLease(world.database, 'test', new Date(world.clock.now()).toISOString());
    return new BridgeLife(world, lease);
  }

  private constructor(world: BridgeWorld, lease: Lease) {
    this.#world = world;
    this.#lease = lease;
    this.pipeline = createPipeline({
      database: world.database,
      writing: { write: (work) => this.#write(work) },
      mayPublish: () => this.#mayPublish,
      adoptUnknownInstances: world.adopts,
      prebuildReading: 'when-stopped',
      lifecycle: undefined,
      publishers: [{ publish: (event) => world.consume(event) }],
      world: { clock: world.clock, random: steadyRandom },
      logger: pino({ level: 'silent' }),
      metrics: new BridgeMetrics(new Registry()),
    });
    this.#guard = new StopGuard(new Alarm(world.clock), 1, () => undefined);
    this.#control = this.#createControl();
    void this.pipeline.relay.run(this.#relaying.signal);
  }

  /** A message of the stream, behind those before it. */
  hear(status: WorkspaceStatus): void {
    this.#stream = this.#stream
      .then(() => this.#world.pass('message'))
      .then(() => this.#accept(status, 'live'));
  }

  /** One complete list after the other; rows are read first, the answer comes when it comes. */
  list(): void {
    this.#lists = this.#lists.then(() => this.#list());
  }

  resume(): void {
    this.#guard.resume();
  }

  /** SIGKILL: what the database has been sent may still be committed. */
  kill(): void {
    this.pipeline.mailboxes.halt();
    this.retire();
  }

  /** Its lease has run out, and it does not know that yet. */
  retire(): void {
    this.#mayPublish = false;
    this.#relaying.abort();
  }

  #accept(status: WorkspaceStatus, lane: Lane): void {
    const update = acceptStatus('local', status, this.#world.clock.now());
    if ('refused' in update) throw new Error(update.refused);
    this.pipeline.mailboxes.accept(update, lane);
    this.#world.accepted(this, status);
  }

  async #list(): Promise<void> {
    const open = await this.#world.during(() => readOpenRows(this.#world.database, 'local'));
    await this.#world.pass('list');
    const statuses = [...this.#world.truth.values()];
    await this.#world.pass('list answered');
    for (const status of statuses) this.#accept(status, 'listed');
    this.#control.review(open, new Set(statuses.map(({ id }) => id)));
  }

  async #write<Result>(work: Work<Result>): Promise<Result> {
    const world = this.#world;
    const fault = world.writeFault();
    await world.pass('begin');
    if (fault === 'refused') throw unavailable();
    if (fault === 'late') return this.#commitLate(work);
    const result = await this.#commit(work, async () => undefined);
    await world.pass('committed');
    if (fault === 'unanswered') throw unavailable();
    return result;
  }

  #commitLate<Result>(work: Work<Result>): Promise<Result> {
    return new Promise((_, reject) => {
      const beforeCommit = async () => {
        reject(unavailable());
        await this.#world.standAside('late commit');
      };
      this.#commit(work, beforeCommit).catch(reject);
    });
  }

  #commit<Result>(work: Work<Result>, beforeCommit: () => Promise<void>): Promise<Result> {
    const world = this.#world;
    return world.during(async () => {
      const [result, observation] = await world.database.write(async (transaction) => {
        await checkLease(transaction, this.#lease);
        const done = await work(transaction);
        const seen = await observe(transaction);
        await beforeCommit();
        return [done, seen] as const;
      });
      world.committed(this, observation);
      return result;
    });
  }

  #createControl(): ControlLoop {
    const { clock } = this.#world;
    const hour = 3_600;
    return new ControlLoop({
      guard: this.#guard,
      clock,
      graceSeconds: { creating: hour, initializing: hour, running: 0, interrupted: 0, unregistered: hour },
      timeouts: {
        preparingPhaseSeconds: hour,
        buildingPhaseSeconds: hour,
        unknownPhaseSeconds: hour,
        pendingPhaseSeconds: hour,
        stoppingPhaseSeconds: hour,
      },
      apartMs: 500,
      requestStop: (stop: StopRequest) => this.pipeline.mailboxes.requestStop(stop),
    });
  }
}

function unavailable(): StewardError {
  return new StewardError('unavailable', 'The connection was lost.');
}
