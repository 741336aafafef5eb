import type { Knex } from 'knex';
import type { Database } from '../../database/database.js';
import { StewardError, toStewardError } from '../../errors/steward-error.js';
import type { RegisterRequest, UpdateRequest } from '../../gen/ws-manager-bridge-api/cluster-service.js';
import { requiredMessage } from '../../grpc/validation.js';
import { CLUSTERS_MAX, CONSTRAINTS_MAX, NAMED_INSTANCES_MAX } from '../bounds.js';
import { open } from '../cluster/open-rows.js';
import { forgetPlaces } from '../contents/content-rows.js';
import {
  type ClusterChange,
  changeCluster,
  deleteByName,
  findAlike,
  findByName,
  findClusters,
  findForUpdate,
  insertCluster,
} from './cluster-rows.js';
import type { OfferedClasses } from './describe-cluster.js';
import { isAlike } from './exact-names.js';
import { NameQueues } from './name-queues.js';
import {
  checkedConstraint,
  checkedName,
  checkedRegion,
  checkedScore,
  checkedTls,
  checkedUrl,
  clusterToRegister,
  namedCluster,
} from './registration.js';
import {
  type AdmissionConstraint,
  type ClusterConnection,
  type ClusterTls,
  isSameConstraint,
  isSameTls,
  type WorkspaceCluster,
} from './workspace-cluster.js';
import type { Writing } from './writing.js';

export interface RegistryOptions {
  readonly database: Database;
  readonly writing: Writing;
  /** Asks a manager what it offers, with a deadline; the caller may give up earlier. */
  readonly describe: (connection: ClusterConnection, signal: AbortSignal) => Promise<OfferedClasses>;
  /** Those of the configuration: they are not for this registry to change. */
  readonly statics: () => Promise<readonly WorkspaceCluster[]>;
  /** Told after each change. */
  readonly onChanged: () => void;
}

/**
 * The registered clusters of the database, as ClusterService changes them. Changes of one name go one after the other,
 * those of others meanwhile; no column is written that a change is not about. All methods throw `invalid-argument`,
 * and `unavailable` while another bridge writes.
 */
export class ClusterRegistry {
  readonly #options: RegistryOptions;
  readonly #queues = new NameQueues();
  /** A url must not be taken by two registrations at once. */
  readonly #inserts = new NameQueues(CLUSTERS_MAX, () => 'registrations');

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Throws `cluster-exists` for a name or url that is taken, `cluster-unreachable` when its manager does not answer. */
  async register(request: RegisterRequest, signal: AbortSignal): Promise<void> {
    this.#mayWrite();
    checkedRegion(request.region);
    const name = checkedName(request.name);
    checkedUrl(request.url);
    await this.#queues.run(name, async () => {
      await this.#refuseTaken(request);
      const cluster = clusterToRegister(request);
      const offered = await this.#try(cluster, signal);
      await this.#inserts.run('', async () => {
        await this.#options.writing.write(async (transaction) => {
          await refuseTakenRow(transaction, cluster);
          // One that was only marked as deleted would be in the way.
          await deleteByName(transaction, name);
          await insertCluster(transaction, { ...cluster, ...offered });
        });
      });
      this.#options.onChanged();
    });
  }

  /** Throws `unknown-cluster`, also for one of the configuration only; `cluster-unreachable` for useless credentials. */
  async update({ name: named, property }: UpdateRequest, signal: AbortSignal): Promise<void> {
    this.#mayWrite();
    const name = namedCluster(named);
    const change = requiredMessage(property, 'property');
    await this.#queues.run(name, async () => {
      const cluster = await this.#known(name);
      switch (change.$case) {
        case 'score':
          return this.#change(name, () => ({ score: checkedScore(change.value, 'score') }));
        case 'maxScore':
          return this.#change(name, () => ({ maxScore: checkedScore(change.value, 'max_score') }));
        case 'cordoned':
          return this.#change(name, () => ({ state: change.value ? 'cordoned' : 'available' }));
        case 'tls':
          return this.#changeTls(cluster, checkedTls(change.value), signal);
        case 'admissionConstraint': {
          const { add, constraint } = change.value;
          const field = 'admission_constraint';
          const checked = checkedConstraint(requiredMessage(constraint, `${field}.constraint`), field);
          return this.#change(name, (row) => ({ admissionConstraints: constraintsOf(row, checked, add) }));
        }
      }
    });
  }

  /** It gets no new workspaces, and is not to get any again. Throws `unknown-cluster`. */
  async drain(named: string): Promise<void> {
    this.#mayWrite();
    const name = namedCluster(named);
    await this.#queues.run(name, async () => {
      await this.#known(name);
      await this.#change(name, () => ({ state: 'draining' }));
    });
  }

  /**
   * Succeeds when there is none. Throws `cluster-in-use` without `force` while any instance of it, whatever its type,
   * has not stopped, and `cluster-static` for one of the configuration only.
   */
  async deregister(named: string, force: boolean): Promise<void> {
    this.#mayWrite();
    const name = namedCluster(named);
    await this.#queues.run(name, async () => {
      const isDeleted = await this.#options.writing.write(async (transaction) => {
        if ((await findForUpdate(transaction, name)) === undefined) return false;
        if (!force) await refuseInUse(transaction, name);
        // Another cluster of this name may come, and its manager counts for itself.
        await forgetPlaces(transaction, name);
        return deleteByName(transaction, name);
      });
      if (isDeleted) this.#options.onChanged();
      else if (await this.#isStatic(name)) {
        throw new StewardError('cluster-static', `cluster "${name}" comes from the configuration`);
      }
    });
  }

  #mayWrite(): void {
    const refusal = this.#options.writing.refusal();
    if (refusal !== undefined) throw refusal;
  }

  async #refuseTaken({ name, url }: RegisterRequest): Promise<void> {
    for (const cluster of await this.#options.statics()) {
      if (isAlike(cluster.name, name)) throw taken(`name: the configuration has a cluster "${cluster.name}"`);
      if (cluster.url === url) throw taken(`url: cluster "${cluster.name}" of the configuration has it`);
    }
    await this.#options.database.read((connection) => refuseTakenRow(connection, { name, url }));
  }

  async #known(name: string): Promise<WorkspaceCluster> {
    const cluster = await this.#options.database.read((connection) => findByName(connection, name));
    if (cluster !== undefined) return cluster;
    const where = (await this.#isStatic(name)) ? 'is in the configuration only' : 'is not registered';
    throw new StewardError('unknown-cluster', `cluster "${name}" ${where}`);
  }

  async #isStatic(name: string): Promise<boolean> {
    return (await this.#options.statics()).some((cluster) => cluster.name === name);
  }

  async #changeTls(cluster: WorkspaceCluster, tls: ClusterTls, signal: AbortSignal): Promise<void> {
    if (isSameTls(cluster.tls, tls)) return;
    await this.#try({ url: cluster.url, tls }, signal);
    await this.#change(cluster.name, () => ({ tls }));
  }

  /** `decide` gets the row as it is in the transaction that changes it. */
  async #change(name: string, decide: (row: WorkspaceCluster) => ClusterChange): Promise<void> {
    await this.#options.writing.write(async (transaction) => {
      const row = await findForUpdate(transaction, name);
      if (row !== undefined && (await changeCluster(transaction, name, decide(row)))) return;
      throw new StewardError('unknown-cluster', `cluster "${name}" is not registered any more`);
    });
    this.#options.onChanged();
  }

  async #try(connection: ClusterConnection, signal: AbortSignal): Promise<OfferedClasses> {
    try {
      return await this.#options.describe(connection, signal);
    } catch (thrown) {
      const error = toStewardError(thrown);
      if (error.code === 'invalid-argument') throw error;
      const message = `its manager was asked and did not answer: ${error.message}`;
      throw new StewardError('cluster-unreachable', message, { cause: thrown });
    }
  }
}

async function refuseTakenRow(
  connection: Knex,
  { name, url }: Pick<WorkspaceCluster, 'name' | 'url'>,
): Promise<void> {
  const sameName = await findAlike(connection, name);
  if (sameName !== undefined) throw taken(`name: a cluster "${sameName.name}" is registered already`);
  const [sameUrl] = await findClusters(connection, { url });
  if (sameUrl !== undefined) throw taken(`url: cluster "${sameUrl.name}" has it already`);
}

function taken(problem: string): StewardError {
  return new StewardError('cluster-exists', problem);
}

async function refuseInUse(transaction: Knex.Transaction, name: string): Promise<void> {
  const found: { id: string; region: string }[] = await open(transaction)
    .where({ region: name })
    .orderBy('id')
    .select('id', 'region');
  const rows = found.filter(({ region }) => region === name);
  if (rows.length === 0) return;
  const named = rows.slice(0, NAMED_INSTANCES_MAX).map(({ id }) => id);
  const more = rows.length > named.length ? ', …' : '';
  const instances = rows.length === 1 ? 'instance has' : 'instances have';
  throw new StewardError(
    'cluster-in-use',
    `${rows.length} ${instances} not stopped in cluster "${name}": ${named.join(', ')}${more}`,
  );
}

function constraintsOf(
  { admissionConstraints }: WorkspaceCluster,
  constraint: AdmissionConstraint,
  add: boolean,
): readonly AdmissionConstraint[] {
  const others = admissionConstraints.filter((other) => !isSameConstraint(other, constraint));
  if (!add) return others;
  if (others.length !== admissionConstraints.length) return admissionConstraints;
  if (admissionConstraints.length < CONSTRAINTS_MAX) return [...admissionConstraints, constraint];
  throw new StewardError('invalid-argument', `a cluster has at most ${CONSTRAINTS_MAX} constraints`);
}
