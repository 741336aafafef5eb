import type { Knex } from 'knex';
import { WorkspaceConditions, WorkspacePhase } from '../../gen/ws-manager-api/core.js';
import {
  HEADLESS_CHANNEL,
  type HeadlessPayload,
  PREBUILD_CHANNEL,
  type PrebuildPayload,
  type PrebuildState,
} from '../channels.js';
import type { OutgoingEvent } from '../outbox.js';
import type { Waiting } from '../pipeline/waiting.js';
import { VERSION_MAX } from './bounds.js';
import {
  isFinal,
  mayBecome,
  type PrebuildReading,
  type PrebuildStep,
  prebuildStep,
} from './prebuild-mapping.js';
import {
  bounded,
  type PrebuildChange,
  readPrebuilds,
  type StoredPrebuild,
  writePrebuild,
} from './prebuild-rows.js';

/** What happened to the instance that makes a prebuild: its newest status, or that it was stopped by force. */
export interface PrebuildNews {
  readonly instance: string;
  readonly workspace: string;
  readonly news: Waiting | 'stopped-by-force';
}

export interface PrebuildResult {
  readonly events: readonly OutgoingEvent[];
  /** Final states that were reached. */
  readonly completed: readonly PrebuildState[];
  /** Statuses no newer than what the prebuild's row knows. */
  readonly stale: number;
}

/**
 * Brings the prebuilds of these instances to what is told about them, in the transaction that changes the
 * instances' rows. A workspace without a prebuild's row is nobody's prebuild.
 */
export async function updatePrebuilds(
  transaction: Knex.Transaction,
  reading: PrebuildReading,
  told: readonly PrebuildNews[],
): Promise<PrebuildResult> {
  const events: OutgoingEvent[] = [];
  const completed: PrebuildState[] = [];
  let stale = 0;
  const prebuilds = await readPrebuilds(
    transaction,
    told.map(({ workspace }) => workspace),
  );
  for (const { instance, workspace, news } of told) {
    const stored = prebuilds.get(workspace);
    if (stored === undefined) continue;
    const decision = news === 'stopped-by-force' ? abort(stored) : decide(stored, reading, news);
    if (decision === 'stale') stale += 1;
    if (decision === 'stale' || decision === undefined) continue;
    const { change, step } = decision;
    await writePrebuild(transaction, change);
    if (change.state === stored.state) continue;
    if (isFinal(change.state) && step !== undefined) completed.push(change.state);
    events.push(...messages(instance, { ...stored, state: change.state }, step));
  }
  return { events, completed, stale };
}

interface PrebuildDecision {
  readonly change: PrebuildChange;
  /** undefined when no status said so. */
  readonly step: PrebuildStep | undefined;
}

/** undefined when there is nothing to write. */
function decide(
  stored: StoredPrebuild,
  reading: PrebuildReading,
  { newest, stopping }: Waiting,
): PrebuildDecision | 'stale' | undefined {
  const { phase, conditions } = newest.status;
  const version = bounded(newest.version);
  if (isStale(stored.statusVersion, version)) return 'stale';
  if (isFinal(stored.state)) return undefined;
  const told = conditions ?? WorkspaceConditions.create();
  // A STOPPING that was replaced while it waited would have been read with the same, whole conditions.
  const passed = stopping === undefined ? [phase] : [WorkspacePhase.STOPPING, phase];
  const step = passed
    .flatMap((seen) => prebuildStep(reading, seen, told) ?? [])
    .filter((candidate) => mayBecome(stored.state, candidate.state))
    .reduce<PrebuildStep | undefined>(
      (first, next) => (first && isFinal(first.state) ? first : next),
      undefined,
    );
  const { id } = stored;
  if (step === undefined) return { change: unchanged(stored, version), step };
  const { state, error, snapshot } = step;
  return { change: { id, state, statusVersion: version, error, snapshot }, step };
}

/** At its bound the column tells nothing any more; the instance's row, which has all digits, has refused what is older. */
function isStale(stored: bigint, version: bigint): boolean {
  return stored > 0n && stored >= version && version < VERSION_MAX;
}

/** The version is raised even when nothing else is told, so that what is older stays recognisable. */
function unchanged({ id, state }: StoredPrebuild, version: bigint): PrebuildChange {
  return { id, state, statusVersion: version, error: undefined, snapshot: undefined };
}

/** What has ended well, or otherwise, stays so. */
function abort({ id, state }: StoredPrebuild): PrebuildDecision | undefined {
  if (isFinal(state)) return undefined;
  const change = {
    id,
    state: 'aborted',
    statusVersion: undefined,
    error: undefined,
    snapshot: undefined,
  } as const;
  return { change, step: undefined };
}

function messages(
  instance: string,
  prebuild: StoredPrebuild,
  step: PrebuildStep | undefined,
): readonly OutgoingEvent[] {
  const { id, workspace, state, audience } = prebuild;
  const headless: HeadlessPayload | undefined = step && { workspaceID: workspace, type: step.event };
  const change: PrebuildPayload | undefined = audience && {
    status: state,
    prebuildID: id,
    workspaceID: workspace,
    projectID: audience.project,
    ...(audience.organization === undefined ? {} : { organizationID: audience.organization }),
  };
  return [
    ...(headless === undefined ? [] : [event(instance, HEADLESS_CHANNEL, headless)]),
    ...(change === undefined ? [] : [event(instance, PREBUILD_CHANNEL, change)]),
  ];
}

function event(instance: string, channel: string, payload: object): OutgoingEvent {
  return { instance, channel, payload: JSON.stringify(payload) };
}
