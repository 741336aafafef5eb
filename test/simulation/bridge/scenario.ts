import { SeededRandom } from '../../../src/gateways/simulated/random.js';
import type { BridgeLife } from './bridge-life.js';
import type { SimulatedManager } from './manager.js';
import { insertInstance } from './prepared-rows.js';
import { Registrations } from './registrations.js';
import { finish } from './rest.js';
import { withRows } from './rows.js';
import { BridgeRun } from './run.js';
import { LOCAL, type Operation, OTHERS, type Settings, settingsFor } from './settings.js';

/** Bridges of one database at the same time. */
const BRIDGES_MAX = 2;
/** A list that shows what was: no older than that two of them in a row cannot be told from the truth. */
const STALE_MS = 2_000;
const OUTAGE_MS = 8_000;
const PAUSE_MS = 15_000;

/** One seed: a number of random steps under random trouble, then rest, and a look at what is left. */
export async function runBridgeSeed(seed: number): Promise<BridgeRun> {
  const settings = settingsFor(new SeededRandom(seed));
  return withRows(async (rows) => {
    const run = new BridgeRun(seed, settings, rows);
    run.log(`${settings.mode}, adopts ${settings.adopts}, faults ${JSON.stringify(settings.faults)}`);
    const scenario = new Scenario(run, settings);
    run.trouble.rates = settings.faults;
    for (let step = 0; step < settings.steps && run.broken === undefined; step += 1) await scenario.step();
    if (run.broken === undefined) await finish(run);
    for (const life of run.lives) life.end();
    // What the database was sent by those is settled before the next seed begins.
    await run.pass(10_000);
    return run;
  });
}

class Scenario {
  readonly #run: BridgeRun;
  readonly #random: SeededRandom;
  readonly #lottery: readonly Operation[];
  readonly #operations: Readonly<Record<Operation, () => unknown>>;
  readonly #registrations: Registrations;
  #started = 0;

  constructor(run: BridgeRun, settings: Settings) {
    this.#run = run;
    this.#random = run.random;
    this.#registrations = new Registrations(run);
    this.#operations = { ...this.#managers(), ...this.#surroundings(), ...this.#bridges() };
    this.#lottery = [...settings.weights].flatMap(([operation, weight]) =>
      Array.from({ length: weight }, () => operation),
    );
  }

  async step(): Promise<void> {
    const run = this.#run;
    if (run.lives.length === 0) run.startBridge();
    const operation = this.#random.pick(this.#lottery) ?? 'pass';
    run.log(operation);
    await this.#operations[operation]();
    await run.pass(this.#random.integer(0, this.#random.pick([0, 20, 1_000]) ?? 0));
  }

  #managers() {
    return {
      start: () => this.#start(),
      advance: () => this.#live((manager, id) => manager.advance(id)),
      chatter: () => this.#live((manager, id) => manager.chatter(id)),
      burst: () => this.#manage((manager) => manager.advanceAll()),
      forget: () => this.#live((manager, id) => manager.forget(id)),
      rewind: () => this.#manage((manager) => manager.rewind()),
      cutStreams: () => this.#manage((manager) => manager.cut()),
      deafenStreams: () => this.#manage((manager) => manager.deafen()),
      listsAreStale: () => this.#manage((manager) => this.#makeStale(manager)),
      managerRestarts: () => this.#manage((manager) => this.#takeAway(manager)),
      managerHangs: () => this.#manage((manager) => this.#hang(manager)),
      managerIsReset: () => this.#manage((manager) => manager.reset()),
      managerCountsAnew: () => this.#manage((manager) => manager.countAnew()),
    };
  }

  #surroundings() {
    const { trouble } = this.#run;
    const healed = (heal: () => void) => this.#later(this.#random.integer(1, OUTAGE_MS), heal);
    return {
      databaseGoes: () => {
        trouble.database = 'away';
        healed(() => {
          trouble.database = 'well';
        });
      },
      databaseOnlyReads: () => {
        trouble.database = 'reads only';
        healed(() => {
          trouble.database = 'well';
        });
      },
      redisGoes: () => {
        trouble.isRedisAway = true;
        healed(() => {
          trouble.isRedisAway = false;
        });
      },
      writeBeside: () => this.#writeBeside(),
      deleteRow: () => this.#deleteRow(),
      clockSteps: () => this.#run.time.stepWall(this.#random.integer(-60_000, 60_000)),
      pass: () => this.#run.pass(this.#random.integer(0, 2_000)),
      passLong: () => this.#run.pass(this.#random.integer(0, 25_000)),
    };
  }

  #bridges() {
    const registrations = this.#registrations;
    const other = () => this.#random.pick(OTHERS) ?? LOCAL;
    return {
      startBridge: () => {
        if (this.#run.lives.length < BRIDGES_MAX) this.#run.startBridge();
      },
      kill: () => this.#random.pick(this.#run.lives)?.kill(),
      armKill: () => this.#random.pick(this.#run.lives)?.arm(this.#random.integer(1, 40)),
      pause: () => this.#use((life) => this.#run.pause(life, this.#random.integer(1, PAUSE_MS))),
      stopBridge: () => this.#use((life) => this.#run.stopBridge(life)),
      register: () => this.#use((life) => registrations.register(life, other())),
      deregister: () => this.#use((life) => registrations.deregister(life, other(), false)),
      deregisterByForce: () => this.#use((life) => registrations.deregister(life, other(), true)),
      changeCluster: () =>
        this.#use((life) => registrations.change(life, other(), this.#random.integer(0, 100))),
      moveCluster: () => void registrations.move(other()),
      resume: () =>
        this.#use(({ core }) => {
          for (const cluster of core.following.fleet.all) cluster.resume();
          for (const loop of Object.values(core.following.rowLoops)) loop.resume();
        }),
    };
  }

  #use(operation: (life: BridgeLife) => void): void {
    const life = this.#random.pick(this.#run.awake);
    if (life !== undefined) operation(life);
  }

  /** Mostly one that is registered. */
  #manage(operation: (manager: SimulatedManager) => void): void {
    const all = [...this.#run.managers.values()];
    const registered = all.filter(({ name }) => this.#run.isRegistered(name));
    const manager = this.#random.pick(this.#random.isHit(0.9) ? registered : all);
    if (manager !== undefined) operation(manager);
  }

  /** Something happens to one to three instances. */
  #live(operation: (manager: SimulatedManager, id: string) => void): void {
    for (let time = this.#random.integer(1, 3); time > 0; time -= 1) {
      this.#manage((manager) => {
        const id = manager.isUp ? this.#random.pick(manager.alive) : undefined;
        if (id !== undefined) operation(manager, id);
      });
    }
  }

  #start(): void {
    const run = this.#run;
    this.#manage((manager) => {
      if (!manager.isUp) return;
      this.#started += 1;
      const id = `i${this.#started}`;
      const isPrebuild = this.#random.isHit(0.2);
      const isUntold = run.settings.adopts && !isPrebuild && this.#random.isHit(0.7);
      if (isUntold) {
        run.untold.add(id);
        manager.start(id, false);
        return;
      }
      const row = { id, region: manager.name, isPrebuild, now: run.time.now() };
      void run
        .beside(`a row for ${id}`, (transaction) => insertInstance(transaction, row))
        .then(() => manager.start(id, isPrebuild));
    });
  }

  /** For a moment its lists show what was, or not all of it. */
  #makeStale(manager: SimulatedManager): void {
    const shown = this.#random.pick([1, 0.5]) ?? 1;
    manager.stale ??= [...manager.truth.values()].filter(() => this.#random.isHit(shown));
    this.#later(STALE_MS, () => {
      manager.stale = undefined;
    });
  }

  #takeAway(manager: SimulatedManager): void {
    manager.isUp = false;
    manager.cut();
    this.#later(this.#random.integer(1, OUTAGE_MS), () => {
      manager.isUp = true;
    });
  }

  #hang(manager: SimulatedManager): void {
    manager.isHanging = true;
    this.#later(this.#random.integer(1, 2 * OUTAGE_MS), () => {
      manager.isHanging = false;
    });
  }

  #writeBeside(): void {
    const run = this.#run;
    const id = this.#random.pick([...run.watch.rows.keys()]);
    if (id === undefined) return;
    run.writtenBeside.add(id);
    void run.beside(`somebody writes ${id}`, async (transaction) => {
      await transaction('d_b_workspace_instance')
        .where({ id })
        .update({
          gitStatus: '{"branch":"main"}',
          status: transaction.raw("json_set(status, '$.conditions.neededImageBuild', json('true'))"),
        });
    });
  }

  /** What it has not adopted itself a bridge that adopts cannot tell from what nobody has told of. */
  #deleteRow(): void {
    const run = this.#run;
    const ids = [...run.watch.rows.keys()].filter((id) => !run.settings.adopts || run.untold.has(id));
    const id = this.#random.pick(ids);
    if (id === undefined) return;
    run.deleted.add(id);
    void run.beside(`somebody removes ${id}`, async (transaction) => {
      await transaction('d_b_workspace_instance').where({ id }).delete();
    });
  }

  #later(milliseconds: number, heal: () => void): void {
    const { time } = this.#run;
    time.schedule(time.now() + milliseconds, heal);
  }
}
