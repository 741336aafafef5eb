import type { RowPhase } from '../../../machines/phase-relation.js';
import type { Clock } from '../../gateways/clock.js';
import { STOPS_PER_RUN_MAX } from '../bounds.js';
import type { GraceSeconds, TimeoutSeconds } from '../config.js';
import type { StopRequest } from '../pipeline/updates.js';
import type { Alarm } from './alarm.js';
import type { OpenRow } from './open-rows.js';

export interface ControlLoopOptions {
  readonly alarm: Alarm;
  readonly clock: Clock;
  readonly graceSeconds: GraceSeconds;
  readonly timeouts: TimeoutSeconds;
  /** Least time between the two lists that must lack an instance: several may be taken right after each other. */
  readonly apartMs: number;
  /** Of the cluster's open rows, the largest share that one run may stop. */
  readonly stopShareMax: number;
  readonly requestStop: (stop: StopRequest, row: OpenRow) => void;
  readonly onAlarm: (reason: string) => void;
}

const MS_PER_SECOND = 1_000;

/** A row that a list lacked: with the version it had then, and when that list was reviewed. */
interface Suspect {
  readonly version: bigint;
  readonly at: number;
}

/**
 * Stops the rows of instances that are gone: unknown to their manager in two complete lists with an unchanged
 * version, and past the grace of their phase. A manager that lost its memory must not take a whole cluster down:
 * when the list is empty, or too many rows would be stopped, none is, and an alarm is raised until the lists are
 * plausible again or somebody calls `resume`.
 */
export class ControlLoop {
  readonly #options: ControlLoopOptions;
  #suspects: ReadonlyMap<string, Suspect> = new Map();
  #resumed = false;

  constructor(options: ControlLoopOptions) {
    this.#options = options;
  }

  /** `open` was read before the list with exactly `instances` was taken. */
  review(open: readonly OpenRow[], instances: ReadonlySet<string>): void {
    const { alarm, onAlarm } = this.#options;
    const missing = open.filter((row) => row.phase !== 'stopped' && !instances.has(row.instance));
    this.#suspects = new Map(missing.map((row) => [row.instance, this.#suspicion(row)]));
    const lost = missing.filter((row) => this.#isConfirmed(row) && this.#isOverdue(row));
    const refusal = this.#resumed ? undefined : this.#refusal(lost.length, open.length, instances.size);
    if (refusal !== undefined) {
      if (alarm.raise(refusal)) onAlarm(refusal);
      return;
    }
    alarm.clear();
    // What does not fit into this run is what the next one was told to go on with.
    if (lost.length > 0 && lost.length <= STOPS_PER_RUN_MAX) this.#resumed = false;
    for (const row of lost.slice(0, STOPS_PER_RUN_MAX)) this.#stop(row);
  }

  /** Nobody reviews here for a while: what was missing before says nothing afterwards. */
  forget(): void {
    this.#suspects = new Map();
  }

  /** Lets the next runs stop whatever they find lost, until that was done once. */
  resume(): void {
    this.#resumed = true;
    this.#options.alarm.clear();
  }

  #suspicion({ instance, version }: OpenRow): Suspect {
    const known = this.#suspects.get(instance);
    return known?.version === version ? known : { version, at: this.#options.clock.monotonic() };
  }

  #isConfirmed({ instance }: OpenRow): boolean {
    const at = this.#suspects.get(instance)?.at;
    const now = this.#options.clock.monotonic();
    return at !== undefined && now > at && now - at >= this.#options.apartMs;
  }

  #refusal(lost: number, open: number, listed: number): string | undefined {
    if (lost === 0) return undefined;
    if (listed === 0) return `The manager knows no instance at all, and ${lost} rows would be stopped.`;
    return tooMany(lost, open, this.#options.stopShareMax);
  }

  #isOverdue(row: OpenRow): boolean {
    const { clock, graceSeconds, timeouts } = this.#options;
    const ageMs = ageOf(row, clock.now());
    return ageMs !== undefined && ageMs >= graceOf(row.phase, graceSeconds, timeouts) * MS_PER_SECOND;
  }

  #stop(row: OpenRow): void {
    const message = `The bridge stopped this instance: its manager does not know it any more (it was ${row.phase}).`;
    const requestedAt = this.#options.clock.now();
    const { instance, version: expectedVersion } = row;
    this.#options.requestStop({ instance, expectedVersion, message, requestedAt }, row);
  }
}

/** Why so many stops at once are not made; undefined when they may be. A single one always may. */
export function tooMany(stops: number, open: number, share: number): string | undefined {
  const allowed = Math.max(1, Math.floor(open * share));
  if (stops <= allowed) return undefined;
  return `${stops} of ${open} rows would be stopped, and ${allowed} are allowed at once.`;
}

/** Milliseconds since the row's last known step; undefined without a readable time: nothing can be said then. */
export function ageOf(row: OpenRow, now: number): number | undefined {
  const at = Date.parse(row.stoppingTime || row.startedTime || row.creationTime);
  return Number.isFinite(at) ? now - at : undefined;
}

function graceOf(phase: RowPhase, grace: GraceSeconds, timeouts: TimeoutSeconds): number {
  switch (phase) {
    case 'unknown':
      return timeouts.unknownPhaseSeconds;
    case 'preparing':
      return timeouts.preparingPhaseSeconds;
    case 'building':
      return timeouts.buildingPhaseSeconds;
    case 'pending':
      return timeouts.pendingPhaseSeconds;
    case 'stopping':
      return timeouts.stoppingPhaseSeconds;
    case 'stopped':
      return Number.POSITIVE_INFINITY;
    default:
      return grace[phase];
  }
}
