import type { Logger } from 'pino';
import type { InstanceId, OwnerId, WorkspaceId } from '../../machines/ids.js';
import type { ArchivePlace } from '../content/archive-objects.js';
import type { BackupRepository } from '../content/backups.js';
import type { World } from '../gateways/world.js';
import type { ObjectStorage } from '../storage/object-storage.js';
import type { WorkingArea } from './area.js';
import { DRILL_CANDIDATES_MAX, STORED_INTERVAL_MS } from './bounds.js';
import type { DaemonConfig } from './config.js';
import type { ContentCore } from './core.js';
import { DrillLog } from './drills/drill-log.js';
import type { DrillMetrics } from './drills/drill-metrics.js';
import { Drills } from './drills/drills.js';
import { Housekeeping } from './housekeeping/housekeeping.js';
import { tidyStored } from './housekeeping/stored.js';
import { storedPage } from './housekeeping/stored-page.js';
import { StoredTurns } from './housekeeping/stored-turns.js';
import { Rounds } from './rounds.js';
import { inScratch } from './rpc/steward/scratch.js';
import type { UpkeepMetrics } from './upkeep-metrics.js';

export interface UpkeepOptions {
  readonly world: World;
  readonly area: WorkingArea;
  readonly storage: ObjectStorage;
  readonly place: ArchivePlace;
  readonly core: ContentCore;
  readonly backupsOf: (owner: OwnerId, workspace: WorkspaceId) => BackupRepository;
  readonly config: Pick<DaemonConfig, 'node' | 'housekeeping' | 'disk' | 'backup' | 'drills'>;
  readonly metrics: UpkeepMetrics;
  readonly drillMetrics: DrillMetrics;
  readonly logger: Logger;
}

/** What a daemon does for its disk and its storage without being asked, in rounds. */
export class Upkeep {
  readonly drills: Drills;
  readonly #options: UpkeepOptions;
  readonly #housekeeping: Housekeeping;
  readonly #rounds: readonly Rounds[];

  private constructor(options: UpkeepOptions, drillLog: DrillLog) {
    this.#options = options;
    this.drills = this.#createDrills(drillLog);
    this.#housekeeping = this.#createHousekeeping();
    const { intervalMs } = options.config.housekeeping;
    this.#rounds = [
      this.#round('housekeeping', intervalMs, (signal) => this.#housekeeping.round(signal)),
      this.#round('layers', intervalMs, async (signal) => void (await options.core.layers?.inspect(signal))),
      this.#round('stored', intervalMs === 0 ? 0 : STORED_INTERVAL_MS, (signal) => this.#tidyStored(signal)),
    ];
  }

  static async open(options: UpkeepOptions): Promise<Upkeep> {
    const { world, area, logger } = options;
    const log = await DrillLog.open(world, area, (keptAt) =>
      logger.error({ keptAt }, 'what drills found cannot be read; it was put aside'),
    );
    return new Upkeep(options, log);
  }

  /** Before anybody is served: what earlier lives left unfinished goes. */
  async start(): Promise<void> {
    await this.#housekeeping.open();
    for (const rounds of this.#rounds) rounds.start();
    this.drills.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.drills.stop(), ...this.#rounds.map((rounds) => rounds.stop())]);
  }

  #createDrills(log: DrillLog): Drills {
    const { world, area, core, storage, place, backupsOf, config, drillMetrics, logger } = this.#options;
    const drills = new Drills({
      world,
      log,
      backupsOf,
      periodMs: config.drills.periodMs,
      workspaces: () => core.records.workspaces(),
      stored: (after, signal) => storedPage(storage, after, DRILL_CANDIDATES_MAX, signal),
      noRoomFor: (bytes) => this.#noRoomFor(bytes),
      inScratch: (work, signal) =>
        core.queues.run('setup', signal, (inTurn) =>
          inScratch({ place, area }, (folder) => work(folder, inTurn)),
        ),
      listener: drillMetrics.listener(logger),
    });
    drillMetrics.show(drills);
    return drills;
  }

  async #noRoomFor(bytes: number): Promise<string | undefined> {
    const { world, area, config } = this.#options;
    const { freeBytes } = await world.files.space(area.root);
    const needed = bytes + config.disk.minFreeBytes;
    return freeBytes < needed ? `${needed} bytes would be needed, and ${freeBytes} are free` : undefined;
  }

  #createHousekeeping(): Housekeeping {
    const { world, area, core, config, metrics, logger } = this.#options;
    const { layers } = core;
    const { minAgeMs, keepMs } = config.housekeeping;
    return new Housekeeping({
      world,
      area,
      settings: { minAgeMs, keepMs, minFreeBytes: config.disk.minFreeBytes },
      hasActor: (instance: InstanceId) => core.instances.owns(instance),
      keepOut: (instance: InstanceId) => core.instances.keepOut(instance),
      ...(layers === undefined
        ? {}
        : { abandon: (instance, folder, to, signal) => layers.abandon(instance, folder, to, signal) }),
      listener: metrics.housekeeping(logger),
    });
  }

  async #tidyStored(signal: AbortSignal): Promise<void> {
    const { world, storage, core, backupsOf, config, metrics, logger } = this.#options;
    const { clock } = world;
    const { node } = config;
    const { orphanAgeMs, storedPerHour } = config.housekeeping;
    const { keepCount, keepAgeMs } = config.backup.policy;
    const options = {
      ...{ clock, storage, backupsOf, node },
      wish: { keepCount, keepAgeMs, orphanAgeMs, revision: config.backup.keepRevision },
      workspaces: () => core.records.workspaces(),
      turns: new StoredTurns({ storage, periodMs: STORED_INTERVAL_MS, node }),
      pageMax: storedPerHour,
      listener: metrics.stored(logger),
    };
    await tidyStored(options, signal);
  }

  #round(name: string, pauseMs: number, round: (signal: AbortSignal) => Promise<void>): Rounds {
    const { world, metrics, logger } = this.#options;
    return new Rounds({
      clock: world.clock,
      pauseMs,
      round: async (signal) => {
        await round(signal);
        metrics.roundEnded(name, world.clock.now());
      },
      onFailed: (error) => metrics.roundFailed(name, error, logger),
    });
  }
}
