import type { RowPhase } from '../../../machines/phase-relation.js';
import type { Database } from '../../database/database.js';
import { type StewardError, toStewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import { NO_TRACER, type Tracer } from '../../telemetry/tracing/tracer.js';
import type { Writing } from '../clusters/writing.js';
import type { GraceSeconds, TimeoutSeconds } from '../config.js';
import { isoTime } from '../pipeline/iso-time.js';
import type { StopRequest } from '../pipeline/updates.js';
import { ageOf } from './control-loop.js';
import { countOpenRows, type OpenRow, readOpenRowsElsewhere, readRowsIn, settlePhases } from './open-rows.js';
import type { StopGuard } from './stop-guard.js';
import { stopOrder } from './stop-order.js';
import { noteUnregistered } from './unregistered-clusters.js';

/** Of all open rows, whosever they are. */
export interface RowGuards {
  /** Of the loop over rows whose cluster is not registered. */
  readonly unregistered: StopGuard;
  /** Of the loop over rows that are prepared, built or unknown for too long. */
  readonly timeLimits: StopGuard;
}

export interface RowLoopOptions {
  readonly database: Database;
  readonly writing: Writing;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly timeouts: TimeoutSeconds;
  readonly graceSeconds: GraceSeconds;
  /** Name of the cluster that rows have while they are prepared; '' for none. */
  readonly installation: string;
  /** The registered clusters; undefined while nobody knows. */
  readonly clusters: () => readonly string[] | undefined;
  readonly guards: RowGuards;
  readonly requestStop: (stop: StopRequest, row: OpenRow) => void;
  readonly onFailed: (error: StewardError) => void;
  /** Makes spans of what is done; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

const MS_PER_SECOND = 1_000;
/** Phases before a manager has the instance, and the one nobody knows: they have limits of their own. */
const LIMITED: readonly RowPhase[] = ['preparing', 'building', 'unknown'];

/**
 * What depends on no manager: the time limits of rows that are prepared, built or unknown, of every cluster and of the
 * installation itself; and the rows of clusters that are not registered (any more), which no cluster's loop sees.
 */
export class RowLoop {
  readonly #options: RowLoopOptions;
  /** Versions of the rows the run before found there. */
  #seen: ReadonlyMap<string, bigint> = new Map();

  constructor(options: RowLoopOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs, writing, onFailed, tracer = NO_TRACER } = this.#options;
    const reviews = [
      ['settlePhases', () => this.settlePhases()],
      ['controlTimeLimits', () => this.reviewLimits()],
      ['controlUnregistered', () => this.reviewUnregistered()],
    ] as const;
    while (!signal.aborted) {
      await sleep(clock, intervalMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      if (writing.refusal() !== undefined) {
        // What was seen before says nothing once this bridge writes (again).
        this.#seen = new Map();
        continue;
      }
      for (const [name, review] of reviews) {
        await tracer
          .span(name, { parent: 'root' }, review)
          .catch((thrown: unknown) => onFailed(toStewardError(thrown, 'unavailable')));
      }
    }
  }

  /** Marks rows as stopped whose status says so, and which nobody would look at again. */
  async settlePhases(): Promise<void> {
    await settlePhases(this.#options.database, this.#options.writing);
  }

  /** Stops rows that were prepared, built or unknown for too long. */
  async reviewLimits(): Promise<void> {
    const { database, clock } = this.#options;
    const shortest = Math.min(...LIMITED.map((phase) => this.#limitMs(phase)));
    const rows = await readRowsIn(database, LIMITED, isoTime(clock.now() - shortest));
    const overdue = rows.filter((row) => {
      const createdAt = Date.parse(row.creationTime);
      const isLate = Number.isFinite(createdAt) && clock.now() - createdAt >= this.#limitMs(row.phase);
      // The column they are found by may be behind.
      return isLate && LIMITED.includes(row.phase);
    });
    const { timeLimits } = this.#options.guards;
    const refusal = await this.#refusal(timeLimits, overdue, 'They are over the limit of their phase');
    for (const row of timeLimits.allow(overdue, refusal)) {
      this.#stop(row, `it was ${row.phase} for longer than ${this.#limitMs(row.phase) / MS_PER_SECOND} s`);
    }
  }

  /** Stops rows whose cluster has not been registered for the whole of their grace. */
  async reviewUnregistered(): Promise<void> {
    const { database, writing, clock, clusters, installation } = this.#options;
    const registered = clusters();
    if (registered === undefined) return;
    const found = await readOpenRowsElsewhere(database, registered);
    const rows = found.filter((row) => row.region !== installation || !LIMITED.includes(row.phase));
    const regions = new Set(rows.map((row) => row.region));
    const since = await noteUnregistered(database, writing, regions, clock.now());
    const lost = rows.filter(
      (row) =>
        this.#seen.get(row.instance) === row.version &&
        this.#isOverdue(row, since.get(row.region) ?? clock.now()),
    );
    this.#seen = new Map(rows.map((row) => [row.instance, row.version]));
    const { unregistered } = this.#options.guards;
    const refusal = await this.#refusal(unregistered, lost, 'Their clusters are not registered');
    for (const row of unregistered.allow(lost, refusal)) {
      this.#stop(row, `its cluster "${row.region}" is not registered any more, and it was ${row.phase}`);
    }
  }

  async #refusal(guard: StopGuard, rows: readonly OpenRow[], why: string): Promise<string | undefined> {
    if (rows.length === 0) return undefined;
    const refusal = guard.tooMany(rows.length, await countOpenRows(this.#options.database));
    return refusal === undefined ? undefined : `${why}: ${refusal}`;
  }

  #isOverdue(row: OpenRow, unregisteredAt: number): boolean {
    const { clock, graceSeconds } = this.#options;
    const graceMs = graceSeconds.unregistered * MS_PER_SECOND;
    const ageMs = ageOf(row, clock.now());
    return ageMs !== undefined && ageMs >= graceMs && clock.now() - unregisteredAt >= graceMs;
  }

  #limitMs(phase: RowPhase): number {
    const { preparingPhaseSeconds, buildingPhaseSeconds, unknownPhaseSeconds } = this.#options.timeouts;
    if (phase === 'preparing') return preparingPhaseSeconds * MS_PER_SECOND;
    if (phase === 'building') return buildingPhaseSeconds * MS_PER_SECOND;
    return unknownPhaseSeconds * MS_PER_SECOND;
  }

  #stop(row: OpenRow, why: string): void {
    this.#options.requestStop(stopOrder(row, why, this.#options.clock.now()), row);
  }
}
