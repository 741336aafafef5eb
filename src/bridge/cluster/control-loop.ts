import type { RowPhase } from '../../../machines/phase-relation.js';
import type { Clock } from '../../gateways/clock.js';
import type { GraceSeconds, TimeoutSeconds } from '../config.js';
import type { StopRequest } from '../pipeline/updates.js';
import type { OpenRow } from './open-rows.js';
import type { StopGuard } from './stop-guard.js';
import { stopOrder } from './stop-order.js';
import { Suspects } from './suspects.js';

export interface ControlLoopOptions {
  /** Of the cluster's open rows. */
  readonly guard: StopGuard;
  readonly clock: Clock;
  readonly graceSeconds: GraceSeconds;
  readonly timeouts: TimeoutSeconds;
  /** Least time between the two lists that must lack an instance: several may be taken right after each other. */
  readonly apartMs: number;
  readonly requestStop: (stop: StopRequest, row: OpenRow) => void;
}

const MS_PER_SECOND = 1_000;

/** The instances of a complete list. */
export type Listed = Pick<ReadonlyMap<string, unknown>, 'has' | 'size'>;

/**
 * Stops the rows of instances that are gone: unknown to their manager in two complete lists with an unchanged
 * version, and past the grace of their phase. A manager that lost its memory must not take a whole cluster down:
 * when the list is empty, or too many rows would be stopped, the guard lets none be stopped until the lists are
 * plausible again or somebody says so.
 */
export class ControlLoop {
  readonly #options: ControlLoopOptions;
  readonly #suspects: Suspects;

  constructor(options: ControlLoopOptions) {
    this.#options = options;
    this.#suspects = new Suspects(options.clock, options.apartMs);
  }

  /** `open` was read before the list with exactly `instances` was taken. */
  review(open: readonly OpenRow[], instances: Listed): void {
    const missing = open.filter((row) => row.phase !== 'stopped' && !instances.has(row.instance));
    const lost = this.#suspects.confirm(missing).filter((row) => this.#isOverdue(row));
    const refusal = this.#refusal(lost.length, open.length, instances.size);
    for (const row of this.#options.guard.allow(lost, refusal)) this.#stop(row);
  }

  /** Nobody reviews here for a while: what was missing before says nothing afterwards. */
  forget(): void {
    this.#suspects.forget();
  }

  #refusal(lost: number, open: number, listed: number): string | undefined {
    if (lost === 0) return undefined;
    if (listed === 0) return `The manager knows no instance at all, and ${lost} rows would be stopped.`;
    return this.#options.guard.tooMany(lost, open);
  }

  #isOverdue(row: OpenRow): boolean {
    const { clock, graceSeconds, timeouts } = this.#options;
    // What has run was there for as long as it ran: its times do not tell since when it is not.
    const hasRun = row.phase === 'running' || row.phase === 'interrupted';
    const ageMs = hasRun ? this.#suspects.ageOf(row) : ageOf(row, clock.now());
    return ageMs !== undefined && ageMs >= graceOf(row.phase, graceSeconds, timeouts) * MS_PER_SECOND;
  }

  #stop(row: OpenRow): void {
    const why = `its manager does not know it any more (it was ${row.phase})`;
    this.#options.requestStop(stopOrder(row, why, this.#options.clock.now()), row);
  }
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
