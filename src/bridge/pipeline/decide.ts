import { mayFollow, type RowPhase } from '../../../machines/phase-relation.js';
import { ROW_TEXT_LENGTH_MAX } from '../bounds.js';
import { instanceMetrics } from './instance-metrics.js';
import { isoTime } from './iso-time.js';
import type { JsonObject } from './json.js';
import { changes, statusPatch } from './status-patch.js';
import type { StopRequest } from './updates.js';
import { merge, type Sighting, supersedes, toldIn, type Waiting, type WaitingUpdates } from './waiting.js';

/** What a decision needs of an instance's row. Times are ISO text, '' while unset. */
export interface StoredRow {
  readonly instance: string;
  readonly workspace: string;
  /** Name of its cluster. */
  readonly region: string;
  /** '' when the workspace has no row. */
  readonly owner: string;
  /** JSON of the instance's metrics; undefined without any. */
  readonly metrics: string | undefined;
  readonly version: bigint;
  readonly phase: RowPhase;
  readonly creationTime: string;
  readonly startedTime: string;
  readonly deployedTime: string;
  readonly stoppingTime: string;
  readonly stoppedTime: string;
  readonly ideUrl: string;
  readonly status: JsonObject;
  /** The same as it was read, digit by digit. */
  readonly statusText: string;
}

/** One row's change. An absent member leaves its column as it is. */
export interface RowChange {
  readonly instance: string;
  readonly version: bigint;
  readonly phase: RowPhase | undefined;
  readonly patch: JsonObject;
  readonly ideUrl: string | undefined;
  readonly startedTime: string | undefined;
  readonly deployedTime: string | undefined;
  readonly stoppingTime: string | undefined;
  readonly stoppedTime: string | undefined;
  readonly metrics: JsonObject | undefined;
  /** Whether anything besides the version differs: only then somebody wants to know. */
  readonly differs: boolean;
  /** Whether this change makes the row `stopped`. */
  readonly stops: boolean;
}

export type Decision =
  | { readonly kind: 'write'; readonly change: RowChange; readonly contradictory: number }
  /** The row has this version already. */
  | { readonly kind: 'known' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'contradictory'; readonly contradictory: number };

/** What the waiting updates make of the row: exactly what applying all of them in order would have made of it. */
export function decideUpdates(row: StoredRow, waiting: WaitingUpdates): Decision {
  const newer = waiting.filter((entry) => supersedes(entry.newest.version, row.version));
  let chosen: Judged | undefined;
  let contradictory = 0;
  for (const entry of newer) {
    const judged = judge(row, chosen?.phase ?? row.phase, entry);
    if (judged === undefined) contradictory += 1;
    else if (chosen === undefined) chosen = judged;
    else chosen = { entry: merge(chosen.entry, entry), phase: judged.phase ?? chosen.phase };
  }
  if (chosen !== undefined) {
    return { kind: 'write', change: rowChange(row, chosen.entry, chosen.phase), contradictory };
  }
  if (contradictory > 0) return { kind: 'contradictory', contradictory };
  return { kind: waiting.at(-1)?.newest.version === row.version ? 'known' : 'stale' };
}

/** undefined when the row is stopped already, or its manager or its server has moved it on since the order was given. */
export function decideStop(row: StoredRow, stop: StopRequest): RowChange | undefined {
  if (row.phase === 'stopped' || row.version !== stop.expectedVersion) return undefined;
  if (row.phase !== stop.expectedPhase || row.region !== stop.expectedRegion) return undefined;
  const at = later(isoTime(stop.requestedAt), row.startedTime);
  const stoppingTime = row.stoppingTime === '' ? at : row.stoppingTime;
  return {
    instance: row.instance,
    version: row.version,
    phase: 'stopped',
    patch: { message: stop.message, phase: 'stopped' },
    ideUrl: undefined,
    startedTime: undefined,
    deployedTime: undefined,
    stoppingTime,
    stoppedTime: later(at, stoppingTime),
    metrics: undefined,
    differs: true,
    stops: true,
  };
}

interface Judged {
  readonly entry: Waiting;
  /** The phase the row is to get; undefined to leave it. */
  readonly phase: RowPhase | undefined;
}

/** undefined when the newest update in the entry contradicts `phase`, which the row has by then. */
function judge(row: StoredRow, phase: RowPhase, entry: Waiting): Judged | undefined {
  const told = toldIn(entry, (version) => supersedes(version, row.version));
  if (told.phase === undefined || mayFollow(phase, told.phase)) return { entry: told, phase: told.phase };
  if (told.phaseVersion === told.newest.version) return undefined;
  // What came after the contradiction told no phase, and fits.
  return { entry: toldIn(told, (version) => version > told.phaseVersion), phase: undefined };
}

function rowChange(row: StoredRow, entry: Waiting, phase: RowPhase | undefined): RowChange {
  const { newest } = entry;
  const patch = {
    ...statusPatch(row.status, newest.status, entry.firstActivityAt),
    ...(phase === undefined ? {} : { phase }),
  };
  const url = newest.status.spec?.url ?? '';
  const times = newTimes(row, entry, phase);
  const isNew = url !== '' && url !== row.ideUrl && url.length <= ROW_TEXT_LENGTH_MAX;
  const ideUrl = isNew ? url : undefined;
  const timed = Object.values(times).some((time) => time !== undefined);
  return {
    instance: row.instance,
    version: newest.version,
    phase,
    patch,
    ideUrl,
    ...times,
    metrics: instanceMetrics(newest.status),
    differs: timed || ideUrl !== undefined || changes(row.status, patch),
    stops: phase === 'stopped' && row.phase !== 'stopped',
  };
}

type Times = Pick<RowChange, 'startedTime' | 'deployedTime' | 'stoppingTime' | 'stoppedTime'>;

/**
 * Times are written once, and in order even when the clock stepped back: started ≤ stopping ≤ stopped.
 * undefined where nothing is to be written.
 */
function newTimes(row: StoredRow, entry: Waiting, phase: RowPhase | undefined): Times {
  const seen = (sighting: Sighting | undefined) =>
    sighting !== undefined && mayFollow(row.phase, sighting.phase ?? row.phase)
      ? isoTime(sighting.at)
      : undefined;
  const stoppedAt = phase === 'stopped' ? seen(entry.stopped) : undefined;
  const stoppingAt = seen(entry.stopping) ?? stoppedAt;

  const startedTime = row.stoppingTime === '' ? unless(row.startedTime, seen(entry.running)) : undefined;
  const started = startedTime ?? row.startedTime;
  const stoppingTime = unless(row.stoppingTime, stoppingAt && later(stoppingAt, started));
  const stopping = stoppingTime ?? row.stoppingTime;
  const stoppedTime = unless(row.stoppedTime, stoppedAt && later(stoppedAt, stopping));
  const deployedTime = unless(row.deployedTime, seen(entry.deployed));
  return { startedTime, deployedTime, stoppingTime, stoppedTime };
}

function unless(stored: string, time: string | undefined): string | undefined {
  return stored === '' ? time : undefined;
}

function later(a: string, b: string): string {
  return a > b ? a : b;
}
