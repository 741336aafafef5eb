import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { LifeContext } from '../../machines/instance-life-types.js';
import {
  type Phase,
  phaseOf,
  stopReasonOf,
  type WorkspaceKind,
  wantsBackup,
} from '../../machines/workspace-phase.js';
import type { Instance, Moved } from './instance/instance.js';
import type { InstanceRecord } from './instance/instance-record.js';
import { decodeRequest } from './instance/request.js';
import type { Maintenance } from './maintenance.js';

const PREFIX = 'gitpod_ws_manager_mk2_workspace_';
const PHASES: readonly Phase[] = ['pending', 'creating', 'initializing', 'running', 'stopping', 'stopped'];

/** As dashboards of the known manager know them. */
const TYPES = {
  regular: 'Regular',
  prebuild: 'Prebuild',
  imagebuild: 'ImageBuild',
} as const satisfies Record<WorkspaceKind, string>;

/** Upper bounds of the known histograms, in seconds: 2 to 1024. */
const SECONDS = Array.from({ length: 10 }, (_, index) => 2 * 2 ** index);

export interface MetricsSources {
  /** Of all instances, remembered ones included. */
  readonly records: () => Iterable<InstanceRecord>;
  readonly maintenance: Pick<Maintenance, 'until'>;
}

/** Counters under the names that dashboards of the known manager read. */
export class ManagerMetrics {
  readonly #registers: Registry[];
  readonly #starts;
  readonly #startFailures;
  readonly #failures;
  readonly #backups;
  readonly #backupFailures;
  readonly #stops;
  readonly #startupSeconds;
  readonly #pendingSeconds;
  readonly #creatingSeconds;
  readonly #secretsLeft: Counter;
  /** When work on an instance began. */
  readonly #begunAt = new WeakMap<Instance, number>();

  constructor(registry: Registry, sources: MetricsSources) {
    this.#registers = [registry];
    this.#starts = this.#counter('starts_total', 'Instances whose command was started.');
    this.#startFailures = this.#counter('starts_failure_total', 'Instances that failed before that.');
    this.#failures = this.#counter('failure_total', 'Instances that failed, at whatever time.');
    this.#backups = this.#counter('backups_total', 'Final backups that had to be made.');
    this.#backupFailures = this.#counter('backups_failure_total', 'Those whose content was gone before.');
    this.#startupSeconds = this.#histogram('startup_seconds', 'From the request to the running command.');
    this.#pendingSeconds = this.#histogram('pending_seconds', 'From the request to the beginning of work.');
    this.#creatingSeconds = this.#histogram('creating_seconds', 'From there to a place on a node.');
    this.#stops = new Counter({
      name: `${PREFIX}stops_total`,
      help: 'Instances that stopped, by reason.',
      labelNames: ['reason', 'type', 'class'] as const,
      registers: this.#registers,
    });
    this.#secretsLeft = new Counter({
      name: 'steward_manager_secrets_left_total',
      help: 'Secrets of starts that could not be removed when they were no longer needed.',
      registers: this.#registers,
    });
    this.#gauges(sources);
  }

  moved(instance: Instance, { from, to, context }: Moved): void {
    if (to === 'creating.recordingBegun') {
      this.#begunAt.set(instance, context.at);
      this.#pendingSeconds.observe(labelsOf(instance), (context.at - context.createdAt) / 1_000);
    }
    if (to === 'initializing.recordingDeployed') {
      const begunAt = this.#begunAt.get(instance) ?? context.createdAt;
      this.#creatingSeconds.observe(labelsOf(instance), (context.at - begunAt) / 1_000);
    }
    if (to === 'running' && from !== 'recovering') {
      this.#starts.inc(labelsOf(instance));
      this.#startupSeconds.observe(labelsOf(instance), (context.at - context.createdAt) / 1_000);
    }
    if (to === 'stopped') this.#stopped(instance, context);
  }

  secretsLeft(): void {
    this.#secretsLeft.inc();
  }

  #stopped(instance: Instance, context: LifeContext): void {
    const labels = labelsOf(instance);
    const reason = stopReasonOf(context, instance.record?.activity.closed === true);
    this.#stops.inc({ ...labels, reason });
    if (reason === 'start-failure') this.#startFailures.inc(labels);
    if (context.failure !== '') this.#failures.inc(labels);
    if (wantsBackup(context)) this.#backups.inc(labels);
    if (context.disposal === 'lost') this.#backupFailures.inc(labels);
  }

  #gauges({ records, maintenance }: MetricsSources): void {
    const registers = this.#registers;
    new Gauge({
      name: `${PREFIX}phase_total`,
      help: 'Instances in each phase.',
      labelNames: ['phase', 'type', 'class'] as const,
      registers,
      collect() {
        this.reset();
        for (const phase of PHASES) this.set({ phase, type: TYPES.regular, class: '' }, 0);
        for (const record of records()) this.inc({ ...labelsIn(record), phase: phaseOf(record.life) });
      },
    });
    new Gauge({
      name: `${PREFIX}activity_total`,
      help: 'Running regular instances that somebody has used, or nobody has.',
      labelNames: ['active'] as const,
      registers,
      collect() {
        for (const active of ['true', 'false']) this.set({ active }, 0);
        for (const { life, activity } of records()) {
          if (life.kind !== 'regular' || phaseOf(life) !== 'running') continue;
          this.inc({ active: String(activity.first !== undefined) });
        }
      },
    });
    new Gauge({
      name: 'gitpod_ws_manager_mk2_maintenance_enabled',
      help: 'Whether there is maintenance.',
      registers,
      async collect() {
        this.set((await maintenance.until()) === undefined ? 0 : 1);
      },
    });
  }

  #counter(name: string, help: string): Counter<'type' | 'class'> {
    const labelNames = ['type', 'class'] as const;
    return new Counter({ name: `${PREFIX}${name}`, help, labelNames, registers: this.#registers });
  }

  #histogram(name: string, help: string): Histogram<'type' | 'class'> {
    const labelNames = ['type', 'class'] as const;
    const options = { labelNames, buckets: SECONDS, registers: this.#registers };
    return new Histogram({ name: `${PREFIX}${name}`, help, ...options });
  }
}

function labelsOf({ parts }: Instance) {
  return { type: TYPES[parts.kind], class: classIn(parts.encoded) };
}

function labelsIn({ life, request }: InstanceRecord) {
  return { type: TYPES[life.kind], class: classIn(request) };
}

function classIn(encoded: string): string {
  return decodeRequest(encoded).spec?.class ?? '';
}
