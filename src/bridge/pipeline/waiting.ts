import { mayFollow, type RowPhase } from '../../../machines/phase-relation.js';
import type { StatusUpdate } from './updates.js';

/** That something was seen: when first, and in which version and phase last. */
export interface Sighting {
  readonly at: number;
  readonly version: bigint;
  readonly phase: RowPhase | undefined;
}

/**
 * One or more updates of an instance merged into the newest, which is a whole snapshot. What the replaced ones
 * showed on the way is remembered, so that no time stamp is missed.
 */
export interface Waiting {
  readonly newest: StatusUpdate;
  /** The newest phase that was told, and by which version. */
  readonly phase: RowPhase | undefined;
  readonly phaseVersion: bigint;
  readonly running: Sighting | undefined;
  readonly stopping: Sighting | undefined;
  readonly stopped: Sighting | undefined;
  readonly deployed: Sighting | undefined;
  readonly firstActivityAt: number | undefined;
}

/**
 * What waits for one instance, without knowing its row. Of what one cluster told, versions strictly rise, and no
 * phase may follow the one before it (only the first entry may be without a phase). So there are never more entries
 * than ranks of phases, and the row decides later: of the entries that are newer than the row the first one with a
 * phase is what applying all updates one by one would have left, the ones after it contradict it. (Relies on the
 * phase relation being total and transitive.) One difference is wanted: what is older than a contradictory update
 * that waits with it is dropped, because its manager's order says so.
 */
export type WaitingUpdates = readonly Waiting[];

/** `newer` is not comparable when it is 0: it is accepted only while no version is known. */
export function supersedes(newer: bigint, older: bigint): boolean {
  return newer > older || (newer === 0n && older === 0n);
}

export function waitingOf(update: StatusUpdate): Waiting {
  const seen: Sighting = { at: update.receivedAt, version: update.version, phase: update.phase };
  return {
    newest: update,
    phase: update.phase,
    phaseVersion: update.version,
    running: update.phase === 'running' ? seen : undefined,
    stopping: update.phase === 'stopping' ? seen : undefined,
    stopped: update.phase === 'stopped' ? seen : undefined,
    deployed: update.deployed ? seen : undefined,
    firstActivityAt: update.firstActivityAt,
  };
}

/**
 * `waiting` with `added` behind it; undefined when `added` is not newer than what waits already. What several clusters
 * say of an instance waits side by side, for versions of different managers cannot be compared: the row decides whose it is.
 */
export function addWaiting(waiting: WaitingUpdates, added: Waiting): WaitingUpdates | undefined {
  const { cluster } = added.newest;
  if (isOf(waiting, cluster)) return addOfSame(waiting, added);
  const merged = addOfSame(toldBy(waiting, cluster), added);
  return merged && [...waiting.filter((entry) => entry.newest.cluster !== cluster), ...merged];
}

/** Whether nobody but this cluster told any of it. */
export function isOf(waiting: WaitingUpdates, cluster: string): boolean {
  return waiting.every((entry) => entry.newest.cluster === cluster);
}

/** What this cluster told of it. */
export function toldBy(waiting: WaitingUpdates, cluster: string): WaitingUpdates {
  return isOf(waiting, cluster) ? waiting : waiting.filter((entry) => entry.newest.cluster === cluster);
}

function addOfSame(waiting: WaitingUpdates, added: Waiting): WaitingUpdates | undefined {
  const last = waiting.at(-1);
  if (last !== undefined && !supersedes(added.newest.version, last.newest.version)) return undefined;
  const kept = [...waiting];
  let merged =
    last === undefined ? added : toldIn(added, (version) => supersedes(version, last.newest.version));
  for (let older = kept.at(-1); older !== undefined && canMerge(older, merged); older = kept.at(-1)) {
    kept.pop();
    // What contradicted the entry before it was not seen, unless that one is stale, which nobody knows here.
    merged = merge(kept.at(-1)?.phase === undefined ? older : withoutSightings(older), merged);
  }
  return [...kept, merged];
}

/** What waited before a write that failed, with what came meanwhile behind it. */
export function restoreWaiting(before: WaitingUpdates, meanwhile: WaitingUpdates): WaitingUpdates {
  return meanwhile.reduce<WaitingUpdates>((waiting, added) => addWaiting(waiting, added) ?? waiting, before);
}

/** `newer`, with what `older` saw remembered. What on the way to `newer` contradicted `older` was not seen. */
export function merge(older: Waiting, newer: Waiting): Waiting {
  const both = (name: 'running' | 'stopping' | 'stopped' | 'deployed') =>
    mergeSightings(older[name], afterPhase(older.phase, newer[name]));
  return {
    newest: newer.newest,
    phase: newer.phase ?? older.phase,
    phaseVersion: newer.phase === undefined ? older.phaseVersion : newer.phaseVersion,
    running: both('running'),
    stopping: both('stopping'),
    stopped: both('stopped'),
    deployed: both('deployed'),
    firstActivityAt: older.firstActivityAt ?? newer.firstActivityAt,
  };
}

/** `entry` without what was told in versions that `isNew` refuses. */
export function toldIn(entry: Waiting, isNew: (version: bigint) => boolean): Waiting {
  const kept = (sighting: Sighting | undefined) =>
    sighting !== undefined && isNew(sighting.version) ? sighting : undefined;
  return {
    ...entry,
    phase: isNew(entry.phaseVersion) ? entry.phase : undefined,
    running: kept(entry.running),
    stopping: kept(entry.stopping),
    stopped: kept(entry.stopped),
    deployed: kept(entry.deployed),
  };
}

function canMerge(older: Waiting, newer: Waiting): boolean {
  if (newer.phase === undefined) return true;
  // Without a phase it fits any row, and the newer one may turn out not to.
  if (older.phase === undefined) return false;
  return mayFollow(older.phase, newer.phase);
}

function withoutSightings(entry: Waiting): Waiting {
  return { ...entry, running: undefined, stopping: undefined, stopped: undefined, deployed: undefined };
}

function afterPhase(phase: RowPhase | undefined, sighting: Sighting | undefined): Sighting | undefined {
  const isContradictory =
    phase !== undefined && sighting?.phase !== undefined && !mayFollow(phase, sighting.phase);
  return isContradictory ? undefined : sighting;
}

function mergeSightings(older: Sighting | undefined, newer: Sighting | undefined): Sighting | undefined {
  if (older === undefined || newer === undefined) return older ?? newer;
  return { ...newer, at: older.at };
}
