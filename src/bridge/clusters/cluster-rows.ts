import type { Knex } from 'knex';
import { databaseNow } from '../../database/database-now.js';
import { classesIn, constraintsIn, tlsColumn, tlsIn } from './cluster-json.js';
import { hexOf } from './exact-names.js';
import {
  type AdmissionConstraint,
  CLUSTER_STATES,
  type ClusterState,
  type ClusterTls,
  type WorkspaceClass,
  type WorkspaceCluster,
} from './workspace-cluster.js';

const TABLE = 'd_b_workspace_cluster';

/** Everything that is set must match; what is absent, and an empty region, matches all. */
export interface ClusterFilter {
  readonly name?: string;
  readonly url?: string;
  readonly state?: ClusterState;
  readonly minScore?: number;
  readonly governed?: boolean;
  readonly region?: string;
}

export async function findByName(connection: Knex, name: string): Promise<WorkspaceCluster | undefined> {
  const row: RawRow | undefined = await named(connection, name).first();
  return row === undefined ? undefined : clusterOf(row);
}

/** The same, and nobody else changes it before the transaction has ended. */
export async function findForUpdate(
  transaction: Knex.Transaction,
  name: string,
): Promise<WorkspaceCluster | undefined> {
  const row: RawRow | undefined = await named(transaction, name).forUpdate().first();
  return row === undefined ? undefined : clusterOf(row);
}

/** The index finds some, the exact name tells which of them. */
function named(connection: Knex, name: string): Knex.QueryBuilder {
  return connection(TABLE)
    .where({ name, deleted: 0 })
    .whereRaw('hex(name) = ?', [hexOf(name)]);
}

/** One whose name is the same but for the case of its letters. */
export async function findAlike(connection: Knex, name: string): Promise<WorkspaceCluster | undefined> {
  const row: RawRow | undefined = await connection(TABLE)
    .where({ deleted: 0 })
    .whereRaw('lower(name) = ?', [name.toLowerCase()])
    .first();
  return row === undefined ? undefined : clusterOf(row);
}

/** Sorted by name. */
export async function findClusters(
  connection: Knex,
  filter: ClusterFilter = {},
): Promise<readonly WorkspaceCluster[]> {
  const query = connection(TABLE).where({ deleted: 0 }).orderBy('name');
  if (filter.name !== undefined) query.where('name', filter.name);
  if (filter.url !== undefined) query.where('url', filter.url);
  if (filter.state !== undefined) query.where('state', filter.state);
  if (filter.minScore !== undefined) query.where('score', '>=', filter.minScore);
  if (filter.governed !== undefined) query.where('govern', filter.governed ? 1 : 0);
  if ((filter.region ?? '') !== '') query.where('region', filter.region ?? '');
  const rows: RawRow[] = await query.select();
  return rows.map(clusterOf);
}

/** Fails when there is one of that name. */
export async function insertCluster(transaction: Knex.Transaction, cluster: WorkspaceCluster): Promise<void> {
  await transaction(TABLE).insert({
    name: cluster.name,
    url: cluster.url,
    tls: tlsColumn(cluster.tls),
    state: cluster.state,
    score: cluster.score,
    maxScore: cluster.maxScore,
    govern: cluster.governed ? 1 : 0,
    admissionConstraints: JSON.stringify(cluster.admissionConstraints),
    region: cluster.region,
    availableWorkspaceClasses: JSON.stringify(cluster.availableWorkspaceClasses),
    preferredWorkspaceClass: cluster.preferredWorkspaceClass,
    deleted: 0,
    _lastModified: databaseNow(transaction),
  });
}

/** What may change of a row that stays. Columns of absent members are left alone. */
export interface ClusterChange {
  readonly state?: ClusterState;
  readonly score?: number;
  readonly maxScore?: number;
  readonly admissionConstraints?: readonly AdmissionConstraint[];
  readonly tls?: ClusterTls;
  readonly availableWorkspaceClasses?: readonly WorkspaceClass[];
  readonly preferredWorkspaceClass?: string;
}

/** Never makes a row; false when there is none of that name. */
export async function changeCluster(
  transaction: Knex.Transaction,
  name: string,
  change: ClusterChange,
): Promise<boolean> {
  const { tls, admissionConstraints, availableWorkspaceClasses, ...plain } = change;
  const changed: number = await named(transaction, name).update({
    ...plain,
    ...(tls === undefined ? {} : { tls: tlsColumn(tls) }),
    ...(admissionConstraints && { admissionConstraints: JSON.stringify(admissionConstraints) }),
    ...(availableWorkspaceClasses && {
      availableWorkspaceClasses: JSON.stringify(availableWorkspaceClasses),
    }),
    _lastModified: databaseNow(transaction),
  });
  return changed > 0;
}

/** For good, and also one that was only marked as deleted. */
export async function deleteByName(transaction: Knex.Transaction, name: string): Promise<boolean> {
  const deleted: number = await transaction(TABLE).where({ name }).delete();
  return deleted > 0;
}

interface RawRow {
  readonly name: string;
  readonly url: string;
  readonly tls: unknown;
  readonly state: string;
  readonly score: number | null;
  readonly maxScore: number | null;
  readonly govern: number;
  readonly admissionConstraints: unknown;
  readonly region: string;
  readonly availableWorkspaceClasses: unknown;
  readonly preferredWorkspaceClass: string;
}

function clusterOf(row: RawRow): WorkspaceCluster {
  return {
    name: row.name,
    url: row.url,
    tls: tlsIn(row.tls),
    // What nobody here knows must not get workspaces.
    state: CLUSTER_STATES.find((state) => state === row.state) ?? 'cordoned',
    score: row.score ?? 0,
    maxScore: row.maxScore ?? 0,
    governed: Number(row.govern) !== 0,
    admissionConstraints: constraintsIn(row.admissionConstraints),
    region: row.region,
    availableWorkspaceClasses: classesIn(row.availableWorkspaceClasses),
    preferredWorkspaceClass: row.preferredWorkspaceClass,
    isStatic: false,
  };
}
