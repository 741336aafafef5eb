import type { Knex } from 'knex';
import type { Database } from '../../../src/database/database.js';
import { SimulatedClock } from '../../../src/gateways/simulated/clock.js';
import { SeededRandom } from '../../../src/gateways/simulated/random.js';
import { WorkspacePhase, type WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { type InstanceRow, versionIn } from '../../bridge/support/pipeline-harness.js';
import { BrokenPromise } from '../broken.js';
import { Trace } from '../trace.js';
import { BridgeLife } from './bridge-life.js';
import { Consumer } from './consumer.js';
import { SimulatedManager } from './manager.js';
import type { WholeObservation } from './observation.js';
import { LOCAL, OTHERS, type Settings } from './settings.js';
import { BridgeTrouble } from './trouble.js';
import { Watch } from './watch.js';

/** A cluster that is back for so long counts as registered for everybody. */
const NOTICED_MS = 15_000;

/** Something somebody waits for. */
export interface Pending {
  readonly name: string;
  readonly since: number;
  /** Who answers; nobody waits any more when that one is killed. */
  readonly life: BridgeLife | undefined;
}

/**
 * One run of the bridge's world: managers with instances that live their lives, bridges that follow them, a database,
 * consumers of events, and the checks that hold with every commit. The first promise that breaks ends it.
 */
export class BridgeRun extends Trace {
  readonly time = new SimulatedClock();
  readonly random: SeededRandom;
  readonly trouble: BridgeTrouble;
  readonly watch: Watch;
  readonly consumer: Consumer;
  readonly settings: Settings;
  readonly rows: Database;
  readonly managers = new Map<string, SimulatedManager>();
  readonly pending = new Set<Pending>();
  readonly deleted = new Set<string>();
  readonly writtenBeside = new Set<string>();
  /** Of these nobody tells the database. */
  readonly untold = new Set<string>();
  /** Instances whose RUNNING a bridge that writes has, and nothing happened to it since. */
  readonly mustHaveStarted = new Set<string>();
  /** An operator is letting the rows of a cluster forget their versions. */
  isForgetting = false;
  lives: BridgeLife[] = [];
  #born = 0;
  #holder = '';
  readonly #newest = new Map<string, bigint>();
  readonly #registeredSince = new Map<string, number>([[LOCAL, 0]]);

  constructor(seed: number, settings: Settings, rows: Database) {
    super();
    this.random = new SeededRandom(seed ^ 0x5eed);
    this.settings = settings;
    this.rows = rows;
    this.trouble = new BridgeTrouble(this.random.fork());
    this.watch = new Watch({
      broke: (detail) => this.break(new BrokenPromise('bridge', detail)),
      log: (text) => this.log(text),
      objection: (row, old) => this.#objection(row, old),
      adoptable: () => [...this.untold].filter((id) => !this.watch.wasSeen(id)),
      wasPublished: (sequence) => this.consumer.published.has(sequence),
      isForgetting: () => this.isForgetting,
      kept: (seen) => this.#kept(seen),
    });
    this.consumer = new Consumer(this.watch, (detail) => this.break(new BrokenPromise('bridge', detail)));
    for (const name of [LOCAL, ...OTHERS]) {
      this.managers.set(name, new SimulatedManager(name, settings.firstVersion, this.random.fork()));
    }
  }

  protected get elapsed(): number {
    return this.time.monotonic();
  }

  get now(): number {
    return this.time.monotonic();
  }

  /** Those that are up and were not stopped. */
  get awake(): readonly BridgeLife[] {
    return this.lives.filter((life) => life.isUp && !life.clock.isStopped);
  }

  isRegistered(cluster: string): boolean {
    return this.#registeredSince.has(cluster);
  }

  async pass(milliseconds: number): Promise<void> {
    await this.time.advance(milliseconds);
    this.lives = this.lives.filter((life) => !life.isDead);
  }

  startBridge(): void {
    this.#born += 1;
    const life = new BridgeLife(`bridge-${this.#born}`, {
      ...{ time: this.time, random: this.random, rows: this.rows, settings: this.settings },
      ...{ trouble: this.trouble, watch: this.watch, consumer: this.consumer },
      log: (text) => this.log(text),
      defect: (text) => this.break(new BrokenPromise('defect', text)),
      managerAt: (url) => this.managers.get(/^unix:\/(\w+)/.exec(url)?.[1] ?? ''),
      heard: (who, status) => this.#heard(who, status),
      died: (who) => this.#died(who),
    });
    this.lives.push(life);
    this.log(`${life.name} starts`);
    this.wait(
      `the start of ${life.name}`,
      life.core.start().then(
        () => life.started(),
        (error: unknown) => {
          this.log(`${life.name} could not start: ${error}`);
          life.end();
        },
      ),
      life,
    );
  }

  /** An orderly end, after which nothing of it may be left. */
  stopBridge(life: BridgeLife): void {
    this.log(`${life.name} is told to stop`);
    this.mustHaveStarted.clear();
    life.leave();
    const stopping = life.core.stop().then(() => {
      this.log(`${life.name} has stopped`);
      const { pending } = life.clock;
      this.require(6, pending === 0, `${life.name} has stopped, and ${pending} timers are armed`);
      for (const { name, subscriptions } of this.managers.values()) {
        const left = [...subscriptions].filter((one) => one.clock === life.clock).length;
        this.require(6, left === 0, `${life.name} has stopped, and ${left} streams of ${name} are open`);
      }
      life.end();
    });
    this.wait(`the stop of ${life.name}`, stopping, life);
  }

  /** Stops and wakes one as SIGSTOP and SIGCONT do. */
  pause(life: BridgeLife, milliseconds: number): void {
    this.log(`${life.name} stands still for ${milliseconds} ms`);
    this.mustHaveStarted.clear();
    life.clock.stop();
    this.time.schedule(this.time.now() + milliseconds, () => this.wake(life));
  }

  wake(life: BridgeLife): void {
    if (life.isDead || !life.clock.isStopped) return;
    this.log(`${life.name} wakes`);
    life.clock.wake();
  }

  /** Notes that somebody waits for `promise`, which must come to an end. */
  wait(name: string, promise: Promise<unknown>, life: BridgeLife | undefined): void {
    const pending: Pending = { name, since: this.now, life };
    this.pending.add(pending);
    const settled = () => this.pending.delete(pending);
    promise.then(settled, (error: unknown) => {
      settled();
      this.break(error);
    });
  }

  /** Another program writes to the database. */
  beside(name: string, work: (transaction: Knex.Transaction) => Promise<void>): Promise<void> {
    const writing = this.rows.write(async (transaction) => {
      await work(transaction);
      await this.watch.beside(transaction);
      this.log(name);
    });
    this.wait(name, writing, undefined);
    return writing;
  }

  #died(life: BridgeLife): void {
    this.mustHaveStarted.clear();
    for (const pending of this.pending) if (pending.life === life) this.pending.delete(pending);
  }

  #kept(seen: WholeObservation): void {
    if (seen.holder !== this.#holder) {
      this.log(`${seen.holder} has the lease`);
      this.mustHaveStarted.clear();
      this.#newest.clear();
    }
    this.#holder = seen.holder;
    for (const name of OTHERS) {
      if (!seen.clusters.has(name)) this.#registeredSince.delete(name);
      else if (!this.#registeredSince.has(name)) this.#registeredSince.set(name, this.now);
    }
  }

  #heard(life: BridgeLife, { id, statusVersion, phase }: WorkspaceStatus): void {
    const isWriter = life.name === this.#holder && life.core.keeper.lease !== undefined;
    const row = this.watch.rows.get(id);
    if (!isWriter || statusVersion <= (this.#newest.get(id) ?? 0n)) return;
    this.#newest.set(id, statusVersion);
    const isNews = row === undefined || (statusVersion > versionIn(row) && !row.phase.startsWith('stop'));
    if (phase === WorkspacePhase.RUNNING && isNews) this.mustHaveStarted.add(id);
  }

  /** Why a row should not have been stopped by a control loop. */
  #objection(row: InstanceRow, old: InstanceRow): string | undefined {
    this.mustHaveStarted.delete(row.id);
    const { region, status } = row;
    if (status.includes('its manager does not know it')) {
      return this.managers.get(region)?.truth.has(row.id) ? 'its manager knows it' : undefined;
    }
    if (status.includes('is not registered any more')) {
      const since = this.#registeredSince.get(region);
      return since !== undefined && this.now - since > NOTICED_MS
        ? `${region} has been registered for ${this.now - since} ms`
        : undefined;
    }
    return ['preparing', 'building', 'unknown'].includes(old.phase) ? undefined : `it was ${old.phase}`;
  }
}
