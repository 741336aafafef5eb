import type { Knex } from 'knex';
import type { PrebuildState } from '../../../src/bridge/channels.js';
import { isFinal } from '../../../src/bridge/prebuilds/prebuild-mapping.js';
import { tableAllows } from './phase-table.js';
import { type InstanceRow, versionIn } from './pipeline-harness.js';

export interface ObservedPrebuild {
  readonly id: string;
  readonly state: PrebuildState;
  readonly snapshot: string;
  readonly statusVersion: bigint;
}

/** The rows as one commit leaves them, by id. */
export interface Observation {
  readonly rows: ReadonlyMap<string, InstanceRow>;
  readonly prebuilds: ReadonlyMap<string, ObservedPrebuild>;
}

export const NOTHING: Observation = { rows: new Map(), prebuilds: new Map() };
const TIMES = ['startedTime', 'deployedTime', 'stoppingTime', 'stoppedTime'] as const;

export async function observe(connection: Knex): Promise<Observation> {
  const rows: InstanceRow[] = await connection('d_b_workspace_instance').select();
  const prebuilds: { id: string; state: PrebuildState; snapshot: string; statusVersion: unknown }[] =
    await connection('d_b_prebuilt_workspace').select('id', 'state', 'snapshot', 'statusVersion');
  return {
    rows: new Map(rows.map((row) => [row.id, row])),
    prebuilds: new Map(
      prebuilds.map((row) => [row.id, { ...row, statusVersion: BigInt(String(row.statusVersion)) }]),
    ),
  };
}

/** What one commit of the bridge did that none may do, by the rules of the compatible system's bridge. */
export function violations(before: Observation, after: Observation, adoptable: readonly string[]): string[] {
  const found: string[] = [];
  for (const row of after.rows.values()) {
    const old = before.rows.get(row.id);
    if (old === undefined && !adoptable.includes(row.id)) found.push(`rule 5: row ${row.id} was made`);
    if (old !== undefined) found.push(...ofRow(old, row));
    found.push(...ofTimes(row));
  }
  for (const prebuild of after.prebuilds.values()) {
    const old = before.prebuilds.get(prebuild.id);
    if (old !== undefined) found.push(...ofPrebuild(old, prebuild));
  }
  return found;
}

function ofRow(old: InstanceRow, row: InstanceRow): string[] {
  const found: string[] = [];
  const step = `${row.id}: ${old.phase}@${versionIn(old)} to ${row.phase}@${versionIn(row)}`;
  if (versionIn(row) < versionIn(old)) found.push(`rule 2: a version fell, ${step}`);
  if (!tableAllows(old.phase, row.phase)) found.push(`rule 3: a phase that may not follow, ${step}`);
  if (row.phase !== row.phasePersisted) found.push(`rule 3: half applied, ${step}`);
  for (const time of TIMES) {
    if (old[time] !== '' && old[time] !== row[time]) found.push(`rule 4: ${time} written again, ${step}`);
  }
  return found;
}

function ofTimes({ id, phase, startedTime, stoppingTime, stoppedTime }: InstanceRow): string[] {
  const found: string[] = [];
  if (stoppingTime !== '' && startedTime > stoppingTime) found.push(`rule 4: ${id} stops before it starts`);
  if (stoppedTime !== '' && stoppingTime > stoppedTime) found.push(`rule 4: ${id} stopped before it stops`);
  if ((stoppedTime !== '') !== (phase === 'stopped')) found.push(`rule 4: ${id} is ${phase}, ${stoppedTime}`);
  return found;
}

function ofPrebuild(old: ObservedPrebuild, now: ObservedPrebuild): string[] {
  const found: string[] = [];
  const step = `prebuild ${now.id}: ${old.state} to ${now.state}`;
  if (isFinal(old.state) && now.state !== old.state) found.push(`rule 11: an end was left, ${step}`);
  if (now.state === 'available' && now.snapshot === '') found.push(`rule 11: no snapshot, ${step}`);
  if (now.statusVersion < old.statusVersion) found.push(`rule 2: a version fell, ${step}`);
  return found;
}
