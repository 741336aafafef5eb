import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { ArchivePlace } from '../content/archive-objects.js';
import { BackupRepository } from '../content/backups.js';
import { gitEnvironment } from '../content/git-environment.js';
import { StewardError, toStewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import type { Files } from '../gateways/files.js';
import type { Http } from '../gateways/http.js';
import type { World } from '../gateways/world.js';
import { limitConfined } from '../isolation/confine.js';
import { confinementOf } from '../isolation/probe.js';
import { lockFolder } from '../records/folder-lock.js';
import type { ObjectStorage } from '../storage/object-storage.js';
import type { SupervisorSpec } from '../supervision/spec.js';
import { startSupervisor } from '../supervision/start.js';
import type { Supervisor } from '../supervision/supervisor.js';
import type { SupervisorNode } from '../supervision/tree.js';
import { countedLogger } from '../telemetry/counted-logger.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import { WorkingArea } from './area.js';
import {
  CLOSE_DEADLINE_MS,
  INSTANCE_RESTART_PERIOD_MS,
  INSTANCE_RESTARTS_MAX,
  INSTANCES_MAX,
} from './bounds.js';
import type { DaemonConfig } from './config.js';
import { type ContentCore, openCore } from './core.js';
import { DiskGuard } from './disk-guard.js';
import { DrillMetrics } from './drills/drill-metrics.js';
import { DaemonMetrics } from './metrics.js';
import { openStorage } from './open-storage.js';
import { Bandwidth } from './queues/bandwidth.js';
import { showQueues } from './queues/queue-metrics.js';
import { Readiness } from './readiness.js';
import { removalsNotice, showRemovals } from './removals/removal-metrics.js';
import { Upkeep } from './upkeep.js';
import { UpkeepMetrics } from './upkeep-metrics.js';
import { Wires } from './wires.js';

export interface DaemonOptions {
  readonly world: World;
  readonly http: Http;
  readonly logger: Logger;
  /** For the daemon's metrics; its own, never the global one. */
  readonly registry: Registry;
  readonly version: string;
  /** Makes spans of the calls it serves; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

export interface RunningDaemon {
  /** Where it serves gRPC. */
  readonly addresses: readonly string[];
  tree(): SupervisorNode;
  /** Takes nothing new, lets running work end within its grace period, closes. May be called again. */
  stop(): Promise<void>;
}

/** Whoever content belongs to has to get through to it; what else is in there is closed by its own mode. */
const STATE_FOLDER_MODE = 0o711;

/**
 * Takes over the state folder, brings every recorded instance back, and serves gRPC. Fails with `address-in-use`
 * when another daemon owns the folder.
 */
export async function startDaemon(config: DaemonConfig, options: DaemonOptions): Promise<RunningDaemon> {
  await openStateFolder(config.stateFolder, options.world.files);
  const lock = await lockFolder(options.world, config.stateFolder);
  let daemon: Daemon | undefined;
  try {
    daemon = new Daemon(config, options, () => lock.release());
    await daemon.start();
    return daemon;
  } catch (error) {
    await (daemon?.stop() ?? lock.release());
    throw error;
  }
}

async function openStateFolder(path: string, files: Files): Promise<void> {
  try {
    await files.makeDirectory(path, STATE_FOLDER_MODE);
    await files.chmod(path, STATE_FOLDER_MODE);
  } catch (cause) {
    const { code, message } = toStewardError(cause, 'invalid-config');
    throw new StewardError(code, `stateFolder cannot be used: ${message}`, { cause });
  }
}

class Daemon implements RunningDaemon {
  readonly #config: DaemonConfig;
  readonly #options: DaemonOptions;
  readonly #area: WorkingArea;
  readonly #storage: ObjectStorage;
  readonly #metrics: DaemonMetrics;
  readonly #disk: DiskGuard;
  readonly #readiness: Readiness;
  readonly #releaseLock: () => Promise<void>;
  readonly #startedAt: number;
  #core: ContentCore | undefined;
  #upkeep: Upkeep | undefined;
  #wires: Wires | undefined;
  #supervisor: Supervisor | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: DaemonConfig, options: DaemonOptions, releaseLock: () => Promise<void>) {
    this.#config = config;
    this.#options = { ...options, logger: countedLogger(options.logger, options.registry) };
    this.#releaseLock = releaseLock;
    this.#area = new WorkingArea(config.stateFolder, config.secretsFolder);
    this.#storage = limited(
      openStorage(options.world, config.storage, this.#area.storageWitness, options.registry),
      config.backup.bandwidthBytesPerSecond,
      options.world,
    );
    this.#metrics = new DaemonMetrics(options.registry, options.version);
    const { root, workspaces } = this.#area;
    this.#disk = new DiskGuard(options.world.files, [root, workspaces], config.disk.minFreeBytes);
    this.#readiness = new Readiness(options.world, this.#storage, this.#disk);
    this.#startedAt = options.world.clock.now();
  }

  get addresses(): readonly string[] {
    return this.#wires?.addresses ?? [];
  }

  async start(): Promise<void> {
    const { world, logger } = this.#options;
    this.#core = await openCore({
      world,
      http: this.#options.http,
      area: this.#area,
      place: this.#place,
      owner: this.#config.content,
      git: { ...this.#config.git, environment: gitEnvironment(process.env) },
      limits: { ...this.#config.limits, backupPeriodMs: this.#config.backup.periodMs },
      policy: this.#config.backup.policy,
      minFreeBytes: this.#config.disk.minFreeBytes,
      preStopMs: this.#config.preStop.timeoutMs,
      queues: this.#config.queues,
      layers: this.#config.layers,
      listener: this.#metrics.listener(logger),
      refusal: () => this.#disk.problem,
      supervisor: () => this.#instances(),
    });
    const { queues, removals } = this.#core;
    showQueues(queues, this.#options.registry);
    showRemovals(removals, this.#options.registry);
    this.#readiness.note('removals', () => removalsNotice(removals));
    this.#metrics.show(this.#core, world.clock);
    this.#core.publisher.onTransition((transition) => this.#metrics.moved(transition));
    this.#supervisor = await startSupervisor('daemon', daemonTree, {
      clock: world.clock,
      random: world.random,
      onEvent: (event) => this.#metrics.supervised(event, logger),
    });
    await this.#tellConfinement();
    await this.#core.recover();
    this.#upkeep = await this.#openUpkeep(this.#core);
    await this.#upkeep.start();
    this.#wires = this.#createWires(this.#core, this.#upkeep);
    await this.#wires.start();
    this.#readiness.watch((isReady) => this.#wires?.setServing(isReady));
  }

  /** Tried before there is work to do; a machine that cannot keeps content, with less between workspaces and it. */
  async #tellConfinement(): Promise<void> {
    const { world, logger } = this.#options;
    limitConfined(world, this.#config.confinement);
    const confinement = await confinementOf(world);
    if (confinement.kind === 'confined') logger.debug({ mode: confinement.mode }, 'content work is confined');
    else logger.warn({ reason: confinement.why }, 'content work is not confined; see `steward doctor`');
  }

  tree(): SupervisorNode {
    return this.#root().tree();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#readiness.stop();
    await this.#upkeep?.stop();
    await this.#wires?.close();
    await this.#settle();
    await this.#wires?.stop();
    await this.#supervisor?.stop();
    await this.#closeCore();
    await this.#releaseLock();
  }

  /** What runs gets its time to end; what waits for its turn goes on in the next life. */
  async #settle(): Promise<void> {
    if (this.#core === undefined) return;
    const { instances, queues } = this.#core;
    instances.drain();
    queues.drain();
    const { clock } = this.#options.world;
    await instances.settleJobs(clock, this.#config.stopGrace, (instance) => queues.isWaiting(instance));
  }

  /** A disk that hangs is not waited for; but what still writes must not meet the next owner, so the lock stays. */
  async #closeCore(): Promise<void> {
    const waiting = new AbortController();
    const overdue = sleep(this.#options.world.clock, CLOSE_DEADLINE_MS, waiting.signal).then(() => {
      throw new StewardError('deadline-exceeded', 'the disk of the state folder does not answer');
    });
    overdue.catch(() => undefined);
    await Promise.race([this.#core?.close(), overdue]);
    waiting.abort();
  }

  /** Files are given to others only when we are root. */
  get #place(): ArchivePlace {
    const { world } = this.#options;
    const { uid, gid, isRoot } = this.#config.content;
    return { world, storage: this.#storage, user: isRoot ? { uid, gid } : undefined };
  }

  #root(): Supervisor {
    if (this.#supervisor === undefined) throw new Error('the daemon has not been started');
    return this.#supervisor;
  }

  #instances(): Supervisor {
    const found = this.#root().find('instances');
    if (found === undefined) throw new Error('the supervisor of the instances does not run');
    return found;
  }

  #openUpkeep(core: ContentCore): Promise<Upkeep> {
    const { world, logger, registry } = this.#options;
    const metrics = new UpkeepMetrics(registry, world.clock, this.#disk);
    this.#readiness.note('storage-clock', () => metrics.clockNotice);
    return Upkeep.open({
      world,
      logger,
      core,
      area: this.#area,
      storage: this.#storage,
      place: this.#place,
      backupsOf: (owner, workspace) => new BackupRepository(this.#place, owner, workspace),
      config: this.#config,
      metrics,
      drillMetrics: new DrillMetrics(registry),
    });
  }

  #createWires(core: ContentCore, { drills }: Upkeep): Wires {
    return new Wires({
      ...this.#options,
      config: this.#config,
      ...{ core, drills, place: this.#place, area: this.#area, disk: this.#disk, readiness: this.#readiness },
      root: () => this.#root(),
      startedAt: this.#startedAt,
    });
  }
}

function limited(
  storage: ObjectStorage,
  bytesPerSecond: number | undefined,
  { clock }: World,
): ObjectStorage {
  return bytesPerSecond === undefined ? storage : new Bandwidth(clock, bytesPerSecond).limiting(storage);
}

/** Each instance has a budget of its own and is parked alone, so that no outage restarts the others. */
const daemonTree: SupervisorSpec = {
  strategy: 'one-for-one',
  children: [
    {
      kind: 'supervisor',
      name: 'instances',
      restart: 'permanent',
      supervisor: {
        strategy: 'dynamic',
        childKind: 'worker',
        maxChildren: INSTANCES_MAX,
        onExhausted: 'park-child',
        intensity: { restarts: INSTANCE_RESTARTS_MAX, periodMs: INSTANCE_RESTART_PERIOD_MS },
      },
    },
  ],
};
