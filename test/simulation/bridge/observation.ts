import type { Knex } from 'knex';
import { rawRows } from '../../../src/database/raw-rows.js';
import type { Observation, ObservedPrebuild } from '../../bridge/support/observed-rows.js';
import type { InstanceRow } from '../../bridge/support/pipeline-harness.js';

export interface ObservedCluster {
  readonly name: string;
  readonly url: string;
  readonly state: string;
  readonly score: number;
  readonly preferred: string;
}

/** All that the bridges write, as one commit leaves it. */
export interface WholeObservation extends Observation {
  readonly outbox: ReadonlyMap<number, string>;
  readonly clusters: ReadonlyMap<string, ObservedCluster>;
  /** Who may write. */
  readonly holder: string;
  /** The same for the same rows, the right to write apart. */
  readonly text: string;
}

export const NOTHING_YET: WholeObservation = {
  rows: new Map(),
  prebuilds: new Map(),
  outbox: new Map(),
  clusters: new Map(),
  holder: '',
  text: '',
};

const list = (members: readonly string[], rest: string) =>
  `(select json_group_array(json_object(${members.join(', ')})) from ${rest})`;
const columns = (...names: readonly string[]) => names.map((name) => `'${name}', ${name}`);

/** One statement: it comes with every commit. */
const STATEMENT = `select
  ${list(
    columns(
      ...['id', 'region', 'phase', 'phasePersisted', 'startedTime', 'deployedTime', 'stoppingTime'],
      ...['stoppedTime', 'ideUrl', 'status'],
    ),
    'd_b_workspace_instance',
  )} as instances,
  ${list([...columns('id', 'state', 'snapshot'), "'statusVersion', cast(statusVersion as text)"], 'd_b_prebuilt_workspace')} as prebuilds,
  ${list(columns('sequence', 'instanceId'), 'steward_outbox')} as outbox,
  ${list([...columns('name', 'url', 'state', 'score'), "'preferred', preferredWorkspaceClass"], 'd_b_workspace_cluster')} as clusters,
  (select holder from steward_lease) as holder`;

interface Raw {
  readonly instances: string;
  readonly prebuilds: string;
  readonly outbox: string;
  readonly clusters: string;
  readonly holder: string | null;
}

export async function observeAll(connection: Knex): Promise<WholeObservation> {
  const [raw] = await rawRows<Raw>(connection, STATEMENT);
  if (raw === undefined) throw new Error('a SELECT without FROM has one row');
  const instances: InstanceRow[] = JSON.parse(raw.instances);
  const prebuilds: (Omit<ObservedPrebuild, 'statusVersion'> & { statusVersion: string })[] = JSON.parse(
    raw.prebuilds,
  );
  const outbox: { sequence: number; instanceId: string }[] = JSON.parse(raw.outbox);
  const clusters: ObservedCluster[] = JSON.parse(raw.clusters);
  return {
    rows: new Map(instances.map((row) => [row.id, row])),
    prebuilds: new Map(
      prebuilds.map((row) => [row.id, { ...row, statusVersion: BigInt(row.statusVersion) }]),
    ),
    outbox: new Map(outbox.map(({ sequence, instanceId }) => [sequence, instanceId])),
    clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])),
    holder: raw.holder ?? '',
    text: [raw.instances, raw.prebuilds, raw.outbox, raw.clusters].join('\n'),
  };
}
