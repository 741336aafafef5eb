import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { StewardError } from '../errors/steward-error.js';
import type { PublishedEvent } from '../events/event-publisher.js';
import { HEADLESS_CHANNEL, INSTANCE_CHANNEL, PREBUILD_CHANNEL } from './channels.js';
import type { Alarm } from './cluster/alarm.js';
import type { ClusterLink } from './cluster/cluster-link.js';
import type { RowGuards } from './cluster/row-loop.js';
import type { InstanceWork, Outcome } from './pipeline/instance-writer.js';
import { isObject, type JsonObject, type JsonValue } from './pipeline/json.js';
import type { PrebuildResult } from './prebuilds/prebuild-updater.js';
import { TalliedCounter } from './tallied-counter.js';

const MS_PER_SECOND = 1_000;
const powersOfTwo = (first: number, count: number) =>
  Array.from({ length: count }, (_, power) => first * 2 ** power);
const SECONDS_OF_STARTUP = powersOfTwo(2, 10);
const SECONDS_OF_UPDATE = powersOfTwo(0.05, 8);

const channelTypes: Readonly<Record<string, string>> = {
  [INSTANCE_CHANNEL]: 'workspace-instance',
  [PREBUILD_CHANNEL]: 'prebuild',
  [HEADLESS_CHANNEL]: 'headless',
};

export interface MetricSources {
  readonly links: () => readonly ClusterLink[];
  /** Of the loops over rows of all clusters. */
  readonly rowLoops: Readonly<Record<keyof RowGuards, { readonly alarm: Alarm }>>;
  /** Of events that are not published. */
  readonly outbox: Alarm;
  readonly depth: () => number;
  readonly oldestMs: () => number;
  readonly now: () => number;
}

/** The bridge's metrics, under the names of the compatible system where it has them. */
export class BridgeMetrics {
  readonly #startup: Histogram;
  readonly #firstActivity: Histogram;
  readonly #updates: TalliedCounter;
  readonly #stale: Counter;
  readonly #contradictory: Counter;
  readonly #refused: Counter;
  readonly #unadoptable: Counter;
  readonly #foreign: Counter;
  readonly #started: TalliedCounter;
  readonly #completed: Histogram;
  readonly #markedStopped: Counter;
  readonly #prebuilds: Counter;
  readonly #stalePrebuilds: Counter;
  readonly #published: TalliedCounter;
  readonly #failures: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name, help, labelNames, registers: [registry] });
    const tallied = (name: string, help: string, labelNames: string[]) =>
      new TalliedCounter(registry, name, help, labelNames);
    const histogram = (name: string, help: string, labelNames: string[], buckets: number[]) =>
      new Histogram({ name, help, labelNames, buckets, registers: [registry] });
    const prefix = 'gitpod_ws_manager_bridge';
    const update = `${prefix}_workspace_instance_update`;
    const instanceLabels = ['workspace_cluster', 'workspace_instance_type'];
    const startupLabels = ['neededImageBuild', 'region'];
    const outcomeLabels = [...instanceLabels, 'outcome'];

    const startupHelp = 'Seconds from the creation of an instance to its first RUNNING';
    this.#startup = histogram('workspace_startup_time', startupHelp, startupLabels, SECONDS_OF_STARTUP);
    const activityHelp = 'Seconds from RUNNING to the first activity of a user';
    this.#firstActivity = histogram('first_user_activity_time', activityHelp, ['region'], SECONDS_OF_STARTUP);
    const completedHelp = 'Seconds an update took';
    this.#completed = histogram(
      `${update}_completed_seconds`,
      completedHelp,
      outcomeLabels,
      SECONDS_OF_UPDATE,
    );

    const updatesHelp = 'Statuses that reached a decision, by whether the instance has a row';
    this.#updates = tallied(`${prefix}_status_updates_total`, updatesHelp, [
      'workspace_cluster',
      'known_instance',
    ]);
    this.#started = tallied(`${update}_started_total`, 'Instances whose update began', instanceLabels);
    this.#stale = counter(`${prefix}_stale_status_updates_total`, 'Statuses older than what is known');
    const contradictoryHelp = 'Statuses whose phase may not follow that of the row';
    this.#contradictory = counter('steward_bridge_contradictory_updates_total', contradictoryHelp);
    const refusedHelp = 'Statuses without id, spec, metadata or conditions, or of an unknown type';
    this.#refused = counter('steward_bridge_refused_updates_total', refusedHelp, ['workspace_cluster']);
    const unadoptableHelp =
      'Statuses of instances without a row that no row can hold, because an id is too long';
    this.#unadoptable = counter('steward_bridge_unadoptable_updates_total', unadoptableHelp, [
      'workspace_cluster',
    ]);
    const foreignHelp = 'Statuses of instances whose rows are of another cluster';
    this.#foreign = counter('steward_bridge_foreign_updates_total', foreignHelp, ['workspace_cluster']);
    const stoppedHelp = 'Instances the control loop stopped';
    this.#markedStopped = counter('gitpod_ws_instances_marked_stopped_total', stoppedHelp, [
      'previous_phase',
    ]);
    this.#prebuilds = counter('gitpod_prebuilds_completed_total', 'Prebuilds that reached a final state', [
      'state',
    ]);
    const stalePrebuildsHelp = 'Statuses older than what a prebuild knows';
    this.#stalePrebuilds = counter(`${prefix}_stale_prebuild_events_total`, stalePrebuildsHelp);
    this.#published = tallied('gitpod_redis_updates_published_total', 'Events published', ['type', 'error']);
    const failuresHelp = 'Instances whose write failed, by what became of it';
    this.#failures = counter('steward_bridge_write_failures_total', failuresHelp, ['code', 'outcome']);
  }

  prebuilds({ completed, stale }: PrebuildResult): void {
    this.#stalePrebuilds.inc(stale);
    for (const state of completed) this.#prebuilds.inc({ state });
  }

  refused(cluster: string): void {
    this.#refused.inc({ workspace_cluster: cluster });
  }

  unadoptable(cluster: string): void {
    this.#unadoptable.inc({ workspace_cluster: cluster });
  }

  foreign(cluster: string): void {
    this.#foreign.inc({ workspace_cluster: cluster });
  }

  /** A listed status that its row says already. */
  known(cluster: string): void {
    this.#updates.inc(cluster, 'true');
  }

  outdated(): void {
    this.#stale.inc();
  }

  settled(outcome: Outcome, seconds: number): void {
    if (outcome.contradictory > 0) this.#contradictory.inc(outcome.contradictory);
    if (outcome.kind === 'stale') this.#stale.inc();
    if (outcome.forced && outcome.before !== undefined) {
      this.#markedStopped.inc({ previous_phase: outcome.before.phase });
    }
    const update = outcome.told.at(-1)?.newest;
    if (update === undefined) return;
    const { cluster, type } = update;
    this.#updates.inc(cluster, outcome.before === undefined ? 'false' : 'true');
    this.#started.inc(cluster, type);
    const result = outcome.kind === 'written' ? 'success' : 'skipped';
    this.#completed.observe(
      { workspace_cluster: cluster, workspace_instance_type: type, outcome: result },
      seconds,
    );
    this.#observeTimes(outcome, cluster);
  }

  failed(work: readonly InstanceWork[], error: StewardError, dropped: boolean, seconds: number): void {
    this.#failures.inc({ code: error.code, outcome: dropped ? 'dropped' : 'retried' }, work.length);
    for (const { waiting } of work) {
      const update = waiting.at(-1)?.newest;
      if (update === undefined) continue;
      const { cluster, type } = update;
      this.#started.inc(cluster, type);
      const labels = { workspace_cluster: cluster, workspace_instance_type: type, outcome: 'error' };
      this.#completed.observe(labels, seconds);
    }
  }

  published(event: PublishedEvent | undefined, failed: boolean): void {
    if (event === undefined) return;
    this.#published.inc(channelTypes[event.channel] ?? 'other', String(failed));
  }

  #observeTimes(outcome: Outcome, region: string): void {
    const { before, change } = outcome;
    if (before === undefined || change === undefined) return;
    const secondsBetween = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / MS_PER_SECOND;
    if (change.startedTime !== undefined && before.creationTime !== '') {
      const neededImageBuild = String(conditionIn(before.status, 'neededImageBuild') === true);
      const seconds = secondsBetween(before.creationTime, change.startedTime);
      observeFinite(this.#startup, { neededImageBuild, region }, seconds);
    }
    const activity = conditionIn(change.patch, 'firstUserActivity');
    const started = change.startedTime ?? before.startedTime;
    if (typeof activity === 'string' && started !== '') {
      observeFinite(this.#firstActivity, { region }, secondsBetween(started, activity));
    }
  }
}

/** Others may have written times that are none. */
function observeFinite(histogram: Histogram, labels: Record<string, string>, value: number): void {
  if (Number.isFinite(value)) histogram.observe(labels, value);
}

function conditionIn(status: JsonObject, name: string): JsonValue | undefined {
  const conditions = status['conditions'];
  return isObject(conditions) ? conditions[name] : undefined;
}

/** What is looked at only when somebody asks for metrics. */
export function registerGauges(registry: Registry, sources: MetricSources): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  const perCluster = (name: string, help: string, value: (link: ClusterLink) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['workspace_cluster'],
      registers,
      collect() {
        this.reset();
        for (const link of sources.links()) {
          const known = value(link);
          if (known !== undefined) this.set({ workspace_cluster: link.cluster.name }, known);
        }
      },
    });
  gauge('steward_bridge_waiting_instances', 'Instances whose changes wait to be written', sources.depth);
  gauge(
    'steward_bridge_oldest_wait_seconds',
    'How long the oldest of them has waited',
    () => sources.oldestMs() / MS_PER_SECOND,
  );
  const prefix = 'gitpod_ws_manager_bridge_cluster';
  perCluster(`${prefix}_score`, 'Weight of a cluster', (link) => link.cluster.score);
  perCluster(`${prefix}_cordoned`, '1 when a cluster takes no new workspaces', (link) =>
    link.cluster.state === 'cordoned' ? 1 : 0,
  );
  perCluster('steward_bridge_last_update_age_seconds', 'Since the last status of a cluster', (link) =>
    link.heardAt === undefined ? undefined : (sources.now() - link.heardAt) / MS_PER_SECOND,
  );
  perCluster(
    'steward_bridge_reconnects',
    'How often a cluster was connected again',
    (link) => link.reconnects,
  );
  perCluster('steward_bridge_alarm', '1 while the control loop of a cluster stands still', (link) =>
    link.alarm.raised === undefined ? 0 : 1,
  );
  gauge(
    'steward_bridge_outbox_alarm',
    '1 while events are not published for too long, or too many of them wait',
    () => (sources.outbox.raised === undefined ? 0 : 1),
  );
  perCluster(
    'steward_bridge_fallen_instances',
    'Instances of a cluster whose manager has a version below that of their row, so that what it says is refused',
    (link) => link.fallen,
  );
  gauge(
    'steward_bridge_unregistered_alarm',
    '1 while rows of clusters that are not registered are left alone although their grace is over',
    () => (sources.rowLoops.unregistered.alarm.raised === undefined ? 0 : 1),
  );
  gauge(
    'steward_bridge_time_limits_alarm',
    '1 while rows that are over the time limit of their phase are left alone, because it would be too many at once',
    () => (sources.rowLoops.timeLimits.alarm.raised === undefined ? 0 : 1),
  );
}
