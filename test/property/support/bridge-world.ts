import type { Scheduler } from 'fast-check';
import type { Database } from '../../../src/database/database.js';
import type { PublishedEvent } from '../../../src/events/event-publisher.js';
import { WorkspacePhase, type WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { ManualClock } from '../../bridge/support/manual-clock.js';
import { NOTHING, type Observation, observe, violations } from '../../bridge/support/observed-rows.js';
import { emptyTables, versionIn } from '../../bridge/support/pipeline-harness.js';
import { asPrebuild, isForced, LIFE, told } from '../../bridge/support/row-truth.js';
import { statusOf } from '../../bridge/support/statuses.js';
import { BridgeLife, type PublishFault, type WriteFault } from './bridge-life.js';

/** Turns of the event loop after which what does not wait for the scheduler waits for the database's connection. */
const TURNS_MAX = 40;
const HOURS_2_MS = 7_200_000;
const ROUNDS_MAX = 200;

export const INSTANCES = ['i-0', 'i-1', 'i-2'];
/** The one that builds a prebuild. */
export const PREBUILD = 'i-2';
/** Of these nobody tells the database, where the bridge adopts what it does not know. */
export const UNTOLD: readonly string[] = ['i-0', 'i-1'];
/** Always there, so that a list is never empty. */
const ANCHOR = 'anchor';

/**
 * A manager, a database that other programs write, too, consumers of events, and the bridge between them, where the
 * scheduler decides which message, answer or commit comes next.
 */
export class BridgeWorld {
  readonly clock = new ManualClock();
  readonly database: Database;
  readonly adopts: boolean;
  readonly truth = new Map<string, WorkspaceStatus>();
  readonly broken: string[] = [];
  readonly writeFaults: WriteFault[] = [];
  readonly publishFaults: PublishFault[] = [];
  readonly deleted = new Set<string>();
  readonly writtenBeside = new Set<string>();
  /** What a consumer knows that reads a row whenever it is told of it. */
  readonly known = new Map<string, string | undefined>();
  readonly prebuildStates: string[] = [];
  /** Instances whose RUNNING a bridge has that was not interrupted since. */
  readonly mustHaveStarted = new Set<string>();
  readonly #scheduler: Scheduler;
  readonly #history: WorkspaceStatus[] = [];
  readonly #late: WorkspaceStatus[] = [];
  readonly #newest = new Map<string, bigint>();
  readonly #wasSeen = new Set<string>();
  #seen: Observation = NOTHING;
  #busy = 0;
  #isCalm = false;
  #life: BridgeLife | undefined;

  static async create(database: Database, scheduler: Scheduler, adopts: boolean): Promise<BridgeWorld> {
    const world = new BridgeWorld(database, scheduler, adopts);
    await emptyTables(database);
    const told = [...INSTANCES, ANCHOR].filter((id) => !adopts || !UNTOLD.includes(id));
    for (const id of told) await world.#insertRow(id);
    await world.#insertPrebuild();
    world.truth.set(ANCHOR, statusOf({ id: ANCHOR, version: 1n, phase: 'pending' }));
    world.#seen = await database.read(observe);
    world.#life = await BridgeLife.begin(world);
    return world;
  }

  private constructor(database: Database, scheduler: Scheduler, adopts: boolean) {
    this.adopts = adopts;
    this.database = database;
    this.#scheduler = scheduler;
  }

  get life(): BridgeLife {
    if (this.#life === undefined) throw new Error('no bridge was started');
    return this.#life;
  }

  get seen(): Observation {
    return this.#seen;
  }

  /** The manager's next word about an instance; undefined when it has said all of it. */
  advance(id: string): WorkspaceStatus | undefined {
    const told = this.#history.filter((status) => status.id === id).length;
    const phase = LIFE[told];
    if (phase === undefined || (told > 0 && !this.truth.has(id))) return undefined;
    const version = BigInt(this.#history.length) + 2n;
    const plain = statusOf({ id, version, phase, message: `v${version}` });
    const status = id === PREBUILD ? asPrebuild(plain) : plain;
    this.truth.set(id, status);
    this.#history.push(status);
    return status;
  }

  keepForLater(status: WorkspaceStatus): void {
    this.#late.push(status);
  }

  deliverLate(): void {
    for (const status of this.#late.splice(0)) this.life.hear(status);
  }

  rewind(): void {
    for (const status of this.#history) this.life.hear(status);
  }

  /** The manager does not know it any more. */
  forget(id: string): void {
    this.truth.delete(id);
  }

  /** A new bridge has the lease; the one before is dead, or goes on without knowing. */
  async replace(isKilled: boolean): Promise<void> {
    const before = this.life;
    if (isKilled) before.kill();
    else before.retire();
    this.mustHaveStarted.clear();
    this.#newest.clear();
    this.#life = await this.during(() => BridgeLife.begin(this));
    this.life.list();
  }

  /** Another program writes what is its own, or removes a row. */
  async writeBeside(id: string): Promise<void> {
    this.writtenBeside.add(id);
    await this.during(() =>
      this.database.write(async (transaction) => {
        const rows = transaction('d_b_workspace_instance').where({ id });
        await rows.update({
          gitStatus: '{"branch":"main"}',
          status: transaction.raw("json_set(status, '$.conditions.neededImageBuild', json('true'))"),
        });
        this.#seen = await observe(transaction);
      }),
    );
  }

  async deleteRow(id: string): Promise<void> {
    // What it has not adopted itself the bridge cannot tell from what nobody has told of.
    if (this.adopts && !UNTOLD.includes(id)) return;
    this.deleted.add(id);
    await this.during(() =>
      this.database.write(async (transaction) => {
        await transaction('d_b_workspace_instance').where({ id }).delete();
        this.#seen = await observe(transaction);
      }),
    );
  }

  /** Waits until the scheduler lets it go on. */
  async pass(label: string): Promise<void> {
    if (!this.#isCalm) await this.#scheduler.schedule(Promise.resolve(), label);
  }

  /** The same in the middle of what is done `during` it. */
  async standAside(label: string): Promise<void> {
    this.#busy -= 1;
    await this.pass(label);
    this.#busy += 1;
  }

  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
    }
  }

  writeFault(): WriteFault | undefined {
    return this.#isCalm ? undefined : this.writeFaults.shift();
  }

  accepted(life: BridgeLife, { id, statusVersion, phase }: WorkspaceStatus): void {
    if (life !== this.#life || statusVersion <= (this.#newest.get(id) ?? 0n)) return;
    this.#newest.set(id, statusVersion);
    const row = this.#seen.rows.get(id);
    // What a row is beyond already is stale, as is anything that its former bridge never heard.
    const isStale = row !== undefined && statusVersion <= versionIn(row);
    if (phase === WorkspacePhase.RUNNING && !isStale && row?.phase !== 'stopped')
      this.mustHaveStarted.add(id);
  }

  committed(life: BridgeLife, observation: Observation): void {
    this.broken.push(...violations(this.#seen, observation, this.#mayAppear()));
    for (const row of observation.rows.values()) {
      const old = this.#seen.rows.get(row.id);
      if (old?.status === row.status) continue;
      if (life !== this.#life) this.broken.push(`rule 14: ${row.id} written by one without the lease`);
      if (!isForced(row)) continue;
      this.mustHaveStarted.delete(row.id);
      if (this.truth.has(row.id)) this.broken.push(`rule 9: ${row.id} stopped, and its manager knows it`);
    }
    this.#seen = observation;
    for (const id of observation.rows.keys()) this.#wasSeen.add(id);
  }

  async consume(event: PublishedEvent): Promise<void> {
    const fault = this.#isCalm ? undefined : this.publishFaults.shift();
    if (fault === 'refused') throw new Error('not connected');
    const payload: Record<string, unknown> = JSON.parse(event.payload);
    if (event.channel === 'chan:workspace-instances')
      this.known.set(event.key, told(this.#seen.rows.get(event.key)));
    if (event.channel === 'chan:prebuilds') this.prebuildStates.push(String(payload['status']));
    await this.pass('published');
    if (fault === 'unanswered') throw new Error('no answer');
  }

  /** Lets one thing of those that wait happen, and all that follows from it. */
  async proceed(): Promise<void> {
    await this.#turns();
    if (this.#scheduler.count() > 0) await this.#scheduler.waitNext(1);
    await this.#turns();
  }

  /** Nothing fails any more, and the manager's lists are taken, until nothing is left to be done. */
  async calm(): Promise<void> {
    this.#isCalm = true;
    await this.#settle();
    // Beyond each grace, and what fails to be stopped by the first two lists is by the next two.
    for (const ms of [HOURS_2_MS, 1_000, 1_000, 1_000]) {
      this.clock.advance(ms);
      this.life.list();
      await this.#settle();
    }
    this.#seen = await this.database.read(observe);
  }

  /** A row that was there once and was removed never comes back. */
  #mayAppear(): readonly string[] {
    return this.adopts ? UNTOLD.filter((id) => !this.#wasSeen.has(id)) : [];
  }

  async #settle(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      while (this.#scheduler.count() > 0) await this.#scheduler.waitNext(1);
      await this.#turns();
      const isIdle = this.life.pipeline.mailboxes.depth === 0 && this.#scheduler.count() === 0;
      if (isIdle && this.#busy <= 0 && (await this.#outboxIsEmpty())) return;
      this.clock.advance(1_000);
    }
    this.broken.push('it does not come to rest');
  }

  async #outboxIsEmpty(): Promise<boolean> {
    const row: unknown = await this.database.read((connection) => connection('steward_outbox').first());
    return row === undefined;
  }

  async #turns(): Promise<void> {
    for (let turn = 0; turn < TURNS_MAX; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#busy <= 0 && turn > 2) return;
    }
  }

  async #insertRow(id: string): Promise<void> {
    const creationTime = new Date(this.clock.now()).toISOString();
    await this.database.write(async (transaction) => {
      const type = id === PREBUILD ? 'prebuild' : 'regular';
      await transaction('d_b_workspace').insert({ id: `ws-${id}`, ownerId: 'owner-1', type, creationTime });
      await transaction('d_b_workspace_instance').insert({
        ...{ id, creationTime, workspaceId: `ws-${id}`, region: 'local', ideUrl: '' },
        status: '{"version":0,"conditions":{},"phase":"preparing"}',
        phasePersisted: 'preparing',
      });
    });
  }

  async #insertPrebuild(): Promise<void> {
    const [id, workspace] = [PREBUILD, `ws-${PREBUILD}`];
    const info = { id, buildWorkspaceId: workspace, projectId: 'project', branch: 'main' };
    await this.database.write(async (transaction) => {
      await transaction('d_b_prebuilt_workspace').insert({
        ...{ id, cloneURL: 'u', commit: 'c', state: 'queued', buildWorkspaceId: workspace },
        creationTime: '2026-01-01 00:00:00.000000',
      });
      await transaction('d_b_prebuild_info').insert({ prebuildId: id, info: JSON.stringify(info) });
    });
  }
}
