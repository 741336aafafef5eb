import { isOwnerId, isWorkspaceId, type OwnerId, type WorkspaceId } from '../../machines/ids.js';
import type { Transition } from '../../machines/transition.js';
import { DISK_BYTES } from '../../src/gateways/simulated/bounds.js';
import { workspacePrograms } from '../../src/gateways/simulated/programs/table.js';
import { SeededRandom } from '../../src/gateways/simulated/random.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { DiskView, difference, type Tree } from './disk-view.js';
import { isOfNobody, isOnDisk, mayRemove } from './guards.js';
import { AREA, Life, type LifeListener, STORAGE } from './life.js';
import { Lies } from './lying-storage.js';
import { type Acknowledged, type InstanceModel, OWNER } from './model.js';
import { recordOf } from './recorded.js';
import type { Settings } from './settings.js';
import { StoredObjects } from './stored.js';
import { Trace } from './trace.js';
import { Trouble } from './trouble.js';

export type Crash = 'kill' | 'power-cut';

/** A start that takes longer is given up, as whoever runs the daemon would. */
const START_MS = 3_600_000;
const AWAY = '/storage-away';

export type RunOptions = Pick<Settings, 'limits' | 'policy'>;

/** A call somebody waits for. */
export interface Pending {
  readonly name: string;
  readonly since: number;
  leave(): void;
  /** Notes what the instance is at the moment. */
  see(): void;
}

/**
 * One run of the simulation: a world, the daemon's present life in it, what callers know, and the checks that
 * hold at every moment. The first promise that breaks ends it.
 */
export class Run extends Trace {
  readonly seed: number;
  /** For decisions of the scenario; the world has its own. */
  readonly random: SeededRandom;
  readonly trouble: Trouble;
  readonly disk: DiskView;
  readonly stored: StoredObjects;
  readonly instances = new Map<string, InstanceModel>();
  readonly acknowledged: Acknowledged[] = [];
  readonly pending = new Set<Pending>();
  world: SimulatedWorld;
  life: Life | undefined;
  isStorageAway = false;
  hasSteppedBack = false;
  /** What was kept in memory only was lost by then: credentials. */
  hasCutPower = false;
  readonly options: RunOptions;
  /** What the storage makes of what it is given; it stays so over lives. */
  readonly lies = new Lies();
  #lastSequence = 0;
  #armed: { readonly crash: Crash; left: number } | undefined;
  #died: () => void = () => undefined;
  #death: Promise<void> = Promise.resolve();
  #checks: Promise<void>[] = [];

  constructor(seed: number, options: RunOptions) {
    super();
    this.seed = seed;
    this.random = new SeededRandom(seed ^ 0x5eed);
    this.options = options;
    this.world = SimulatedWorld.fromSeed(seed, workspacePrograms);
    this.disk = new DiskView(this.world.files.disk);
    this.stored = new StoredObjects(this.disk, () => (this.isStorageAway ? AWAY : STORAGE));
    this.trouble = new Trouble(this.random.fork(), (operation, path) => this.#see(operation, path));
    this.#live();
  }

  get now(): number {
    return this.world.time.now();
  }

  protected get elapsed(): number {
    return this.world.time.monotonic();
  }

  /** Takes what a check throws as the end of the run. */
  guard(check: () => Promise<void> | undefined | void): void {
    const fail = (error: unknown) => this.break(error);
    try {
      const going = check();
      if (going !== undefined) this.#checks.push(going.catch(fail));
    } catch (error) {
      fail(error);
    }
  }

  /** Lets time pass, and all that is due in it happen. */
  async pass(milliseconds: number): Promise<void> {
    await this.world.time.advance(milliseconds);
    await this.settleChecks();
  }

  /** Waits for a promise of this life; false when it did not come in time, or the life ended before. */
  async within(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
    const { world } = this;
    const over = promise.then(
      () => undefined,
      () => undefined,
    );
    const isInTime = await world.time.runUntilSettled(Promise.race([over, this.#death]), milliseconds).then(
      () => true,
      () => false,
    );
    await this.settleChecks();
    return isInTime && this.world === world;
  }

  async settleChecks(): Promise<void> {
    const checks = this.#checks;
    this.#checks = [];
    await Promise.all(checks);
  }

  /** Brings the daemon up; false when it could not be, and then a later try may. */
  async start(): Promise<boolean> {
    let problem: unknown;
    let life: Life | undefined;
    const { world } = this;
    const starting = Life.start(world, { ...this.options, lies: this.lies }, this.#listener(world)).then(
      (started) => {
        life = started;
      },
      (error: unknown) => {
        problem = error;
      },
    );
    const isInTime = await this.within(starting, START_MS);
    if (this.world !== world) return false;
    if (life === undefined) {
      this.log(`start failed: ${isInTime ? problem : 'it took too long'}`);
      this.crash('kill');
      return false;
    }
    this.life = life;
    this.log('started');
    this.#checkAfterStart(life);
    return true;
  }

  /** The present life ends here and now, whatever it was doing. */
  crash(crash: Crash): void {
    this.log(crash);
    this.#armed = undefined;
    this.life = undefined;
    this.pending.clear();
    this.world = crash === 'kill' ? this.world.kill() : this.world.cutPower();
    // The folder for secrets is in memory.
    if (crash === 'power-cut') this.world.files.disk.remove('/run');
    this.hasCutPower ||= crash === 'power-cut';
    const died = this.#died;
    this.#live();
    died();
    if (crash === 'power-cut') this.#checkContents();
  }

  /** The same before the n-th operation from now. */
  arm(crash: Crash, operations: number): void {
    this.#armed = { crash, left: operations };
  }

  disarm(): void {
    this.#armed = undefined;
  }

  get isArmed(): boolean {
    return this.#armed !== undefined;
  }

  /** The disk of the storage is not mounted any more: there is an empty folder instead. */
  unmountStorage(): void {
    const { disk } = this.world.files;
    // Before its first use nobody could tell a folder that is not mounted from an empty one.
    const isKnown = this.disk.inode(AREA.storageWitness, 'durable') !== undefined;
    if (this.isStorageAway || !isKnown) return;
    disk.rename(STORAGE, AWAY);
    disk.makeFolders(STORAGE, 0o755);
    disk.tree.syncFolder(disk.tree.root);
    this.isStorageAway = true;
  }

  mountStorage(): void {
    const { disk } = this.world.files;
    if (!this.isStorageAway) return;
    disk.remove(STORAGE);
    disk.rename(AWAY, STORAGE);
    disk.tree.syncFolder(disk.tree.root);
    this.isStorageAway = false;
  }

  fillDisk(leftBytes: number): void {
    this.trouble.hasBefallen = true;
    const { disk } = this.world.files;
    disk.totalBytes = disk.tree.usedBytes + leftBytes;
  }

  freeDisk(): void {
    this.world.files.disk.totalBytes = DISK_BYTES;
  }

  /**
   * A round of housekeeping, as the daemon has one from time to time; under trouble it may fail. `workspaces`: those
   * whose backups are tidied, too.
   */
  async keepHouse(workspaces: readonly string[] = this.#workspaces()): Promise<void> {
    const { life } = this;
    if (life === undefined) return;
    const { signal } = new AbortController();
    const working = life.keepHouse(toOwner(OWNER), workspaces.map(toWorkspace), signal);
    working.catch((error: unknown) => this.log(`housekeeping failed: ${error}`));
    await this.within(working, START_MS);
  }

  #workspaces(): readonly string[] {
    return [...new Set([...this.instances.values()].map(({ workspace }) => workspace))];
  }

  /** Everything that is kept of backups, and everything that was acknowledged, is what it should be. */
  checkGenerations(): void {
    for (const workspace of this.#workspaces()) {
      const acknowledged = this.acknowledged.filter(
        ({ kind, instance }) => kind === 'backup' && instance.workspace === workspace,
      );
      const { keepCount } = this.options.policy;
      const statesAt = (instance: string, at: number) => this.#statesAt(instance, at);
      this.guard(() => this.stored.checkGenerations(workspace, { acknowledged, keepCount, statesAt }));
    }
    for (const one of this.acknowledged) {
      if (one.kind === 'snapshot') this.guard(() => this.stored.check(one));
    }
  }

  /** A clock that stepped back does not tell which were before. */
  #statesAt(instance: string, at: number): readonly Tree[] {
    const history = this.instances.get(instance)?.history ?? [];
    // A state of the same millisecond may have come after the backup.
    const first = this.hasSteppedBack ? 0 : history.findLastIndex((state) => state.at < at);
    const last = this.hasSteppedBack ? Number.POSITIVE_INFINITY : at + this.options.limits.backupMs;
    const states = history.slice(Math.max(first, 0)).filter((state) => state.at <= last);
    // What nobody ever saw may be what was saved.
    if (states.at(-1)?.tree === undefined) return [];
    return states.flatMap(({ tree }) => (tree === undefined ? [] : [tree]));
  }

  stepBack(milliseconds: number): void {
    this.hasSteppedBack = true;
    this.world.time.stepWall(-milliseconds);
  }

  #live(): void {
    this.#death = new Promise((resolve) => {
      this.#died = resolve;
    });
    this.trouble.befall(this.world);
  }

  /** Told of every operation before it happens. */
  #see(operation: string, path: string): void {
    if (operation === 'remove' && path.startsWith(`${AREA.workspaces}/`)) {
      const instance = this.instances.get(path.slice(AREA.workspaces.length + 1));
      if (instance !== undefined) this.guard(() => mayRemove(this.disk, this.stored, instance));
    }
    if (operation === 'rename' && path.startsWith(`${AREA.workspaces}/`)) {
      const instance = this.instances.get(path.slice(AREA.workspaces.length + 1));
      if (instance !== undefined) this.guard(() => isOfNobody(this.disk, instance));
    }
    if (this.#armed === undefined) return;
    this.#armed.left -= 1;
    if (this.#armed.left <= 0) this.crash(this.#armed.crash);
  }

  #listener(world: SimulatedWorld): LifeListener {
    const isPast = () => this.world !== world;
    return {
      moved: (transition) => {
        if (!isPast()) this.#told(transition);
      },
      alarm: (alarm) => {
        if (isPast()) return;
        this.log(`alarm ${alarm.kind} ${'reason' in alarm ? alarm.reason : ''}`);
        if (alarm.kind !== 'record-set-aside') return;
        const instance = this.instances.get(alarm.key);
        if (instance !== undefined) instance.isSetAside = true;
      },
      supervised: (event) => {
        if (!isPast() && (event.type === 'restart' || event.type === 'park'))
          this.log(`${event.type} ${event.path}`);
      },
      stepFailed: ({ identity }, step, error) => {
        if (!isPast()) this.log(`${identity.instance} ${step} failed: ${error}`);
      },
      crashed: (error) => {
        if (!isPast()) this.break(error);
      },
    };
  }

  #told(transition: Transition): void {
    const { sequence, instance, from, to, cause, detail } = transition;
    this.log(
      `#${sequence} ${instance} ${from} → ${to} (${cause}${detail === undefined ? '' : `; ${detail}`})`,
    );
    this.require(
      'told',
      sequence > this.#lastSequence,
      `sequence ${sequence} came after ${this.#lastSequence}`,
    );
    for (const pending of this.pending) pending.see();
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
    const model = this.instances.get(instance);
    if (model !== undefined) this.guard(() => isOnDisk(this.disk, transition, model));
  }

  /** What was told before the crash still holds. */
  #checkAfterStart(life: Life): void {
    const owners = new Map<string, string>();
    for (const { instance, workspace } of life.core.instances.identities()) {
      const other = owners.get(workspace);
      this.require(
        4,
        other === undefined,
        `workspace ${workspace} has the instances ${other} and ${instance}`,
      );
      owners.set(workspace, instance);
    }
    for (const model of this.instances.values()) {
      const isOwned = life.core.instances.owns(model.id);
      this.require('told', !(model.isGone && isOwned), `${model.id} was told to be gone and is back`);
      // It was told of, and could be read after all.
      if (isOwned) model.isSetAside = false;
      const isMissing = model.isReady && !model.isDisposed && !model.isSetAside && !isOwned;
      this.require('told', !isMissing, `${model.id} was told to be ready and is forgotten`);
    }
  }

  /** Content that was complete survives a power cut: everything in it had been synced. */
  #checkContents(): void {
    for (const model of this.instances.values()) {
      const expected = model.versions.at(-1);
      const step = recordOf(this.disk, model.id, 'now')?.step;
      if (expected === undefined || !model.isReady) continue;
      if (step !== 'available' && step !== 'wrapping-up') continue;
      const found = this.disk.content(AREA.contentOf(model.id)) ?? new Map();
      const problem = difference(found, expected);
      this.require(
        'told',
        problem === undefined,
        `the content of ${model.id} after the power cut: ${problem}`,
      );
    }
  }
}

function toOwner(text: string): OwnerId {
  if (!isOwnerId(text)) throw new Error(`${text} is no owner id`);
  return text;
}

function toWorkspace(text: string): WorkspaceId {
  if (!isWorkspaceId(text)) throw new Error(`${text} is no workspace id`);
  return text;
}
