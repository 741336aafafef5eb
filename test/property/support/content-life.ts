import { type Actor, createActor, fromPromise } from 'xstate';
import { type BackupTimerRecordInput, backupTimerMachine } from '../../../machines/backup-timer.js';
import type { JobInput, RecordInput, StepInput } from '../../../machines/content-setup.js';
import { contentMachine } from '../../../machines/content-state.js';
import type {
  Failure,
  GitReport,
  Job,
  PreStopReport,
  RecordedStep,
  Survey,
} from '../../../machines/content-types.js';
import type { Done, Drawn } from '../../../machines/effect.js';
import { type ContentRecord, toRecord } from '../../../machines/record.js';
import { deadline } from '../../../src/daemon/effects/deadline.js';
import { Lane } from '../../../src/daemon/instance/lane.js';
import { type Clock, sleep } from '../../../src/gateways/clock.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import * as data from '../../machines/relations/content-data.js';

export const PERIOD_MS = 300_000;
/** Longest a job of this world takes. */
export const JOB_MS = 20_000;
const WRITE_MS = 40;

const limits = {
  ...data.limits,
  ...{ recordMs: 30_000, surveyMs: 30_000, reserveMs: 30_000, initializeMs: 30_000, sealMs: 30_000 },
  ...{ preStopMs: 60_000, quiesceMs: 60_000, logsMs: 60_000, disconnectMs: 60_000, removeMs: 60_000 },
  ...{ backupMs: 600_000, verifyMs: 600_000, pauseMinMs: 1_000, pauseMaxMs: 60_000 },
  ...{ backupAttemptsMax: 3, jobsMax: 4, snapshotsMax: 8, backupPeriodMs: PERIOD_MS },
};

/** The content of one instance over any number of lives, in a world in which effects only take their time. */
export class ContentLife {
  readonly clock: Clock;
  readonly faults: string[] = [];
  readonly counts = new Map<string, number>();
  isStorageUp = true;
  storageUpSince: number;
  /** When the last backup that was committed, or found nothing to do, began; at first, when content came into use. */
  savedAt = Number.POSITIVE_INFINITY;
  record: ContentRecord | undefined;
  isGone = false;
  readonly #world: SimulatedWorld;
  #actor: Actor<typeof contentMachine>;
  /** As in the daemon: one effect at a time, and the next one when what was given up has really ended. */
  #lane = new Lane();
  #running: string | undefined;
  #life = 1;

  constructor(seed: number) {
    this.#world = SimulatedWorld.fromSeed(seed);
    this.clock = this.#world.time;
    this.storageUpSince = this.clock.now();
    this.#actor = this.#begin();
  }

  async init(): Promise<void> {
    this.#actor.send({ type: 'INIT', at: this.clock.now(), request: data.request });
    await this.pass(10_000);
  }

  pass(milliseconds: number): Promise<void> {
    return this.#world.time.advance(milliseconds);
  }

  get context() {
    return this.#actor.getSnapshot().context;
  }

  get isInUse(): boolean {
    return this.#actor.getSnapshot().matches('available');
  }

  backup(): void {
    this.#actor.send({
      type: 'BACKUP',
      at: this.clock.now(),
      ticket: this.context.ticket + 1,
      acceptShrink: false,
    });
  }

  snapshot(name: string): void {
    this.#actor.send({ type: 'SNAPSHOT', at: this.clock.now(), ticket: this.context.ticket + 1, name });
  }

  dispose(backup: boolean): void {
    if (this.isGone) return;
    const disposal = { ...data.saving, backup, backupLogs: true };
    this.#actor.send({ type: 'DISPOSE', at: this.clock.now(), disposal });
  }

  /** The daemon is killed at this moment and comes back. */
  restart(): void {
    if (this.isGone || this.record === undefined) return;
    this.#actor.stop();
    this.#lane.abort(new Error('killed'));
    this.#lane = new Lane();
    this.#life += 1;
    this.#running = undefined;
    this.#actor = this.#begin();
  }

  #begin(): Actor<typeof contentMachine> {
    const at = this.clock.now();
    const input =
      this.record === undefined
        ? ({ kind: 'new', identity: data.identity(), limits, at } as const)
        : ({ kind: 'recorded', record: this.record, limits, at } as const);
    return createActor(this.#machine(), { input }).start();
  }

  #machine(): typeof contentMachine {
    const needs = { clock: this.clock, random: this.#world.random };
    const timed = { deadline: deadline(needs) };
    const takes = (what: string, milliseconds: number) => this.#effect(() => this.#do(what, milliseconds));
    return contentMachine.provide({
      actors: {
        ...timed,
        writeRecord: fromPromise<Done & { readonly step: RecordedStep }, RecordInput>(({ input }) =>
          this.#write(input),
        ),
        survey: this.#effect(
          async (): Promise<Survey> => ({
            ...(await this.#do('survey', 50)),
            ...{ content: 'present', credentials: 'available', isAnnounced: true },
          }),
        ),
        reserve: takes('reserve', 50),
        initialize: this.#effect(async () => ({ ...(await this.#do('initialize', 500)), setup: data.setup })),
        seal: takes('seal', 50),
        announce: takes('announce', 50),
        runJob: fromPromise(({ input, signal }: { input: JobInput; signal: AbortSignal }) =>
          this.#lane.run((alive) => this.#backup(nameOf(input.job), alive), signal),
        ),
        runPreStop: this.#effect(
          async (): Promise<PreStopDone> => ({
            ...(await this.#do('pre-stop', 3_000)),
            report: data.preStop,
          }),
        ),
        uploadLogs: takes('logs', 2_000),
        quiesce: this.#effect(
          async (): Promise<QuietDone> => ({
            ...(await this.#do('quiesce', 500)),
            git: undefined,
          }),
        ),
        finalBackup: this.#effect((signal) => this.#backup('final backup', signal)),
        verifyBackup: takes('verify', 500),
        remove: this.#effect(() => {
          if (this.context.disposal?.backup === true && !this.context.verified)
            this.faults.push('removed without a verified backup');
          return this.#do('remove', 500);
        }),
        backupTimer: backupTimerMachine.provide({
          actors: {
            ...timed,
            writeRecord: fromPromise<Done, BackupTimerRecordInput>(({ input }) => this.#writeTimer(input)),
          },
        }),
      },
    });
  }

  #effect<Output>(run: (signal: AbortSignal) => Promise<Output>) {
    return fromPromise<Output, StepInput>(({ signal }) => this.#lane.run(run, signal));
  }

  /** What is written by a life that has ended is not there. */
  async #write({ context, step }: RecordInput): Promise<Done & { readonly step: RecordedStep }> {
    const life = this.#life;
    await sleep(this.clock, this.#some(WRITE_MS));
    if (life === this.#life && step === 'gone') this.isGone = true;
    else if (life === this.#life) this.record = toRecord(context, step, this.record);
    if (step === 'available' && this.savedAt === Number.POSITIVE_INFINITY) this.savedAt = this.clock.now();
    return { at: this.clock.now(), step };
  }

  async #writeTimer({ record }: BackupTimerRecordInput): Promise<Done> {
    const life = this.#life;
    await sleep(this.clock, this.#some(WRITE_MS));
    if (life === this.#life && this.record !== undefined) this.record = { ...this.record, timer: record };
    return { at: this.clock.now() };
  }

  async #backup(what: string, signal: AbortSignal) {
    if (this.#running !== undefined) this.faults.push(`${what} while ${this.#running} runs`);
    this.#running = what;
    try {
      const began = this.clock.now();
      const done = await this.#do(what, JOB_MS, signal);
      if (!this.isStorageUp) throw this.#failure();
      if (what === 'backup' || what === 'final backup') this.savedAt = began;
      return { ...done, reference: data.reference(done.at) };
    } finally {
      this.#running = undefined;
    }
  }

  /** Any time up to that long. */
  async #do(what: string, milliseconds: number, signal?: AbortSignal): Promise<Drawn> {
    await sleep(this.clock, this.#some(milliseconds), signal);
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    return { at: this.clock.now(), jitter: this.#world.random.fraction() };
  }

  #some(milliseconds: number): number {
    return Math.ceil(this.#world.random.fraction() * milliseconds);
  }

  #failure(): Failure {
    const jitter = this.#world.random.fraction();
    return { at: this.clock.now(), code: 'storage-unavailable', message: 'down', retryable: true, jitter };
  }
}

type PreStopDone = Drawn & { readonly report: Omit<PreStopReport, 'at'> };
type QuietDone = Drawn & { readonly git: GitReport | undefined };

function nameOf(job: Job | undefined): string {
  return job?.kind === 'snapshot' ? job.name : 'backup';
}
