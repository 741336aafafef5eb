import { SeededRandom } from '../../src/gateways/simulated/random.js';
import { Callers } from './calls.js';
import { InstanceModel } from './model.js';
import { EMPTY, FROM_BACKUP, fromGit, fromSnapshot, initRequest } from './requests.js';
import { finish } from './rest.js';
import { Run } from './run.js';
import { NO_FAULTS, type Operation, type Settings, settingsFor } from './settings.js';
import { edit } from './user.js';

/** One seed: a number of random steps under random trouble, then rest, and a look at what is left. */
export async function runSeed(seed: number): Promise<Run> {
  const settings = settingsFor(new SeededRandom(seed));
  const run = new Run(seed, settings);
  run.log(`faults ${JSON.stringify(settings.faults)}`);
  const scenario = new Scenario(run, settings);
  for (let step = 0; step < settings.steps && run.broken === undefined; step += 1) await scenario.step();
  if (run.broken === undefined) await finish(run, scenario.callers);
  return run;
}

const DAY_MS = 86_400_000;
/** Enough for a set-up that nothing is in the way of. */
const SET_UP_MS = 5_000;
/** Instead of a day, where every few minutes something happens. */
const BUSY_PERIODS = 5;

class Scenario {
  readonly callers: Callers;
  readonly #run: Run;
  readonly #settings: Settings;
  readonly #random: SeededRandom;
  readonly #lottery: readonly Operation[];
  readonly #operations: Readonly<Record<Operation, () => unknown>>;
  #born = 0;

  constructor(run: Run, settings: Settings) {
    this.#run = run;
    this.#settings = settings;
    this.#random = run.random;
    this.callers = new Callers(run);
    this.callers.isTroubled = !settings.isCalm;
    this.callers.isCalm = settings.isCalm;
    this.#operations = this.#table();
    this.#lottery = [...settings.weights].flatMap(([operation, weight]) =>
      Array.from({ length: weight }, () => operation),
    );
  }

  async step(): Promise<void> {
    const run = this.#run;
    if (run.life === undefined && !(await this.#start())) return;
    await this.#do(this.#random.pick(this.#lottery) ?? 'pass');
    await run.pass(this.#random.integer(0, this.#random.pick([0, 200, 10_000]) ?? 0));
  }

  /** A daemon that cannot start is started again, and at last the disk is mended. */
  async #start(): Promise<boolean> {
    const run = this.#run;
    run.trouble.rates = this.#random.isHit(0.3) ? NO_FAULTS : this.#settings.faults;
    const isUp = await run.start();
    run.trouble.rates = this.#settings.faults;
    return isUp;
  }

  async #do(operation: Operation): Promise<void> {
    this.#run.log(operation);
    await this.#operations[operation]();
  }

  #table(): Readonly<Record<Operation, () => unknown>> {
    const { callers } = this;
    const run = this.#run;
    const random = this.#random;
    return {
      init: () => callers.init(this.#newInstance()),
      initAgain: () => this.#use((model) => callers.init(model)),
      waitForInit: () => this.#use((model) => callers.waitForInit(model)),
      exists: () => this.#use((model) => callers.exists(model)),
      edit: () => this.#useContent((model) => this.#edit(model)),
      backup: () => this.#useContent((model) => callers.backup(model)),
      snapshot: () => this.#useContent((model) => callers.snapshot(model, false)),
      promisedSnapshot: () => this.#useContent((model) => callers.snapshot(model, true)),
      dispose: () => this.#use((model) => callers.dispose(model, true)),
      discard: () => this.#use((model) => callers.dispose(model, false)),
      leave: () => random.pick([...run.pending])?.leave(),
      pass: () => run.pass(random.integer(0, 5_000)),
      passLong: () => run.pass(random.integer(0, 20 * 60_000)),
      kill: () => run.crash('kill'),
      cutPower: () => run.crash('power-cut'),
      armKill: () => run.arm('kill', random.integer(1, 60)),
      armPowerCut: () => run.arm('power-cut', random.integer(1, 60)),
      restart: () => this.#restart(),
      fillDisk: () => run.fillDisk(random.integer(0, 2_000)),
      freeDisk: () => run.freeDisk(),
      storageGoes: () => run.unmountStorage(),
      storageComes: () => run.mountStorage(),
      storageLies: () => run.lies.begin(random.fork()),
      storageTellsTruth: () => run.lies.end(),
      clockStepsBack: () => run.stepBack(random.integer(1, random.pick([100, 60_000, DAY_MS]) ?? 1)),
      passDays: () => this.#passDays(),
      keepHouse: () => run.keepHouse(),
    };
  }

  /** Mostly one whose content is in use, or that is alive at least: the others are soon told what they are told. */
  #use(operation: (model: InstanceModel) => void): void {
    const all = [...this.#run.instances.values()];
    const inUse = all.filter((model) => this.callers.isInUse(model));
    const alive = all.filter(({ id }) => this.#run.life?.core.instances.owns(id));
    const best = [inUse, alive].find((some) => some.length > 0) ?? all;
    const model = this.#random.pick(this.#random.isHit(0.8) ? best : all);
    if (model !== undefined) operation(model);
  }

  /** Where there is none yet it is mostly waited for: without content little can be broken. */
  async #useContent(operation: (model: InstanceModel) => void): Promise<void> {
    const isAnyInUse = () => [...this.#run.instances.values()].some((model) => this.callers.isInUse(model));
    if (!isAnyInUse() && this.#random.isHit(0.8)) {
      this.callers.init(this.#newInstance());
      await this.#run.pass(SET_UP_MS);
    }
    if (this.#run.life !== undefined) this.#use(operation);
  }

  #edit(model: InstanceModel): void {
    if (!this.callers.isInUse(model) || model.isDisposed) return;
    this.callers.adopt(model);
    edit(this.#run, model, this.#random);
  }

  #newInstance(): InstanceModel {
    this.#born += 1;
    const id = `i${this.#born}`;
    const workspace = this.#workspace();
    const model = new InstanceModel(id, workspace, initRequest(id, workspace, this.#source(workspace)));
    this.#run.instances.set(id, model);
    return model;
  }

  /** Mostly one without an instance; a second instance of the others is refused. */
  #workspace(): string {
    const { life } = this.#run;
    const all = Array.from({ length: this.#settings.workspaces }, (_, index) => `w${index + 1}`);
    const busy = new Set([...(life?.core.instances.identities() ?? [])].map((one): string => one.workspace));
    const free = all.filter((workspace) => !busy.has(workspace));
    return this.#random.pick(free.length > 0 && this.#random.isHit(0.9) ? free : all) ?? 'w1';
  }

  #source(workspace: string) {
    const { stored, acknowledged } = this.#run;
    const random = this.#random;
    if (random.isHit(0.1)) return random.pick([fromGit('missing'), FROM_BACKUP]) ?? EMPTY;
    const snapshot = random.pick(acknowledged.filter(({ kind }) => kind === 'snapshot'));
    if (snapshot !== undefined && random.isHit(0.3)) return fromSnapshot(snapshot.url);
    if (stored.backups(workspace).length > 0 && random.isHit(0.5)) return FROM_BACKUP;
    return random.pick([EMPTY, fromGit('project')]) ?? EMPTY;
  }

  /** Days in which something is tried or saved every few minutes would take too long, so these are a while. */
  async #passDays(): Promise<void> {
    const { backupPeriodMs, pauseMaxMs } = this.#settings.limits;
    const isQuiet = backupPeriodMs === 0 && this.#isNothingTried();
    const step = isQuiet ? DAY_MS : BUSY_PERIODS * Math.max(backupPeriodMs, pauseMaxMs);
    await this.#run.pass(this.#random.integer(1, 3) * step);
  }

  #isNothingTried(): boolean {
    const instances = this.#run.life?.core.instances;
    const all = [...(instances?.identities() ?? [])];
    return all.every(({ instance }) => instances?.find(instance)?.view.step === 'available.idle');
  }

  /** An orderly one; under trouble it may not end, and is ended then. */
  async #restart(): Promise<void> {
    const run = this.#run;
    if (run.life === undefined) return;
    this.callers.isStopping = true;
    for (const pending of run.pending) pending.leave();
    const stopping = run.life.stop().catch((error: unknown) => run.log(`stop failed: ${error}`));
    if (!(await run.within(stopping, 2 * 3_600_000)) && run.life !== undefined) {
      run.require(7, this.callers.isTroubled, 'the daemon does not stop');
    }
    if (run.life !== undefined) run.crash('kill');
    this.callers.isStopping = false;
  }
}
