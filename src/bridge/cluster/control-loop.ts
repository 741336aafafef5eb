import type { Clock } from '../../gateways/clock.js';
import { STOPS_PER_RUN_MAX } from '../bounds.js';
import type { GraceSeconds } from '../config.js';
import type { StopRequest } from '../pipeline/updates.js';
import type { ClusterLink } from './cluster-link.js';
import type { OpenRow } from './open-rows.js';

export interface ControlLoopOptions {
  readonly cluster: string;
  readonly link: ClusterLink;
  readonly clock: Clock;
  readonly graceSeconds: GraceSeconds;
  /** Of the cluster's open rows, the largest share that one run may stop. */
  readonly stopShareMax: number;
  readonly requestStop: (stop: StopRequest, row: OpenRow) => void;
  readonly onAlarm: (reason: string) => void;
}

const MS_PER_SECOND = 1_000;

/**
 * Stops the rows of instances that are gone: unknown to their manager in two complete lists with an unchanged
 * version, and past the grace of their phase. A manager that lost its memory must not take a whole cluster down:
 * when the list is empty, or too many rows would be stopped, none is, and an alarm is raised until the lists are
 * plausible again or somebody calls `resume`.
 */
export class ControlLoop {
  readonly #options: ControlLoopOptions;
  /** Missing in the list before: with the version the row had then. */
  #suspects: ReadonlyMap<string, bigint> = new Map();
  #resumed = false;

  constructor(options: ControlLoopOptions) {
    this.#options = options;
  }

  /** `open` was read before the list with exactly `instances` was taken. */
  review(open: readonly OpenRow[], instances: ReadonlySet<string>): void {
    const { link, onAlarm } = this.#options;
    const missing = open.filter((row) => row.phase !== 'stopped' && !instances.has(row.instance));
    const lost = missing.filter(
      (row) => this.#suspects.get(row.instance) === row.version && this.#isOverdue(row),
    );
    this.#suspects = new Map(missing.map((row) => [row.instance, row.version]));
    const refusal = this.#resumed ? undefined : this.#refusal(lost.length, open.length, instances.size);
    if (refusal !== undefined) {
      if (link.alarm?.reason !== refusal) onAlarm(refusal);
      link.raise(refusal);
      return;
    }
    link.clear();
    if (lost.length > 0) this.#resumed = false;
    for (const row of lost.slice(0, STOPS_PER_RUN_MAX)) this.#stop(row);
  }

  /** Lets the next run stop whatever it finds lost. */
  resume(): void {
    this.#resumed = true;
    this.#options.link.clear();
  }

  #refusal(lost: number, open: number, listed: number): string | undefined {
    if (lost === 0) return undefined;
    if (listed === 0) return `The manager knows no instance at all, and ${lost} rows would be stopped.`;
    const allowed = Math.max(1, Math.floor(open * this.#options.stopShareMax));
    if (lost <= allowed) return undefined;
    return `${lost} of ${open} rows would be stopped, and ${allowed} are allowed at once.`;
  }

  #isOverdue(row: OpenRow): boolean {
    if (row.phase === 'stopped') return false;
    const since = row.stoppingTime || row.startedTime || row.creationTime;
    const at = Date.parse(since);
    const graceMs = this.#options.graceSeconds[row.phase] * MS_PER_SECOND;
    // Without a readable time nothing can be said about its age.
    return Number.isFinite(at) && this.#options.clock.now() - at >= graceMs;
  }

  #stop(row: OpenRow): void {
    const message = `The bridge stopped this instance: its manager does not know it any more (it was ${row.phase}).`;
    this.#options.requestStop(
      {
        instance: row.instance,
        expectedVersion: row.version,
        message,
        requestedAt: this.#options.clock.now(),
      },
      row,
    );
  }
}
