import { Metadata } from '@grpc/grpc-js';
import pino from 'pino';
import type { ContentContext } from '../../machines/content-types.js';
import type { OwnerId, WorkspaceId } from '../../machines/ids.js';
import type { Transition } from '../../machines/transition.js';
import type { ArchivePlace } from '../../src/content/archive-objects.js';
import type { BackupPolicy } from '../../src/content/backup-policy.js';
import { BackupRepository } from '../../src/content/backups.js';
import { WorkingArea } from '../../src/daemon/area.js';
import { INSTANCE_RESTART_PERIOD_MS, INSTANCE_RESTARTS_MAX } from '../../src/daemon/bounds.js';
import { type ContentCore, openCore } from '../../src/daemon/core.js';
import { Housekeeping } from '../../src/daemon/housekeeping/housekeeping.js';
import { contentServiceHandlers } from '../../src/daemon/rpc/content-service.js';
import { stewardContentHandlers } from '../../src/daemon/rpc/steward/content.js';
import { SimulatedHttp } from '../../src/gateways/simulated/http.js';
import type { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import type { CallContext } from '../../src/grpc/service-types.js';
import type { RecordAlarm } from '../../src/records/alarm.js';
import { type FolderLock, lockFolder } from '../../src/records/folder-lock.js';
import { RetryingStorage } from '../../src/storage/retrying.js';
import type { SupervisorEvent } from '../../src/supervision/events.js';
import { startSupervisor } from '../../src/supervision/start.js';
import type { Supervisor } from '../../src/supervision/supervisor.js';
import { type Lies, LyingStorage } from './lying-storage.js';
import type { Limits } from './settings.js';

export const AREA = new WorkingArea('/state', '/run/secrets');
export const STORAGE = '/storage';
export const BUCKET = 'steward';
const STOP_GRACE_MS = 20_000;

export interface LifeListener {
  moved(transition: Transition): void;
  alarm(alarm: RecordAlarm): void;
  supervised(event: SupervisorEvent): void;
  stepFailed(context: ContentContext, step: string, error: unknown): void;
  crashed(error: unknown): void;
}

type Calls = ReturnType<typeof contentServiceHandlers>;
type StewardCalls = ReturnType<typeof stewardContentHandlers>;

/** One life of a daemon without its wires, from the lock of its folder to a stop, a kill or a power cut. */
export class Life {
  readonly world: SimulatedWorld;
  readonly core: ContentCore;
  readonly place: ArchivePlace;
  readonly calls: Calls;
  readonly steward: StewardCalls;
  readonly #supervisor: Supervisor;
  readonly #lock: FolderLock;
  readonly #policy: BackupPolicy;

  private constructor(
    world: SimulatedWorld,
    place: ArchivePlace,
    core: ContentCore,
    supervisor: Supervisor,
    lock: FolderLock,
    policy: BackupPolicy,
  ) {
    this.#policy = policy;
    this.world = world;
    this.place = place;
    this.core = core;
    this.#supervisor = supervisor;
    this.#lock = lock;
    this.calls = contentServiceHandlers(core.instances, world.clock, core.snapshotNames);
    this.steward = stewardContentHandlers({
      ...{ core, place, area: AREA, node: 'simulated', restoreFolder: AREA.restored },
      drills: { list: () => [], nextAtMs: undefined },
      room: { disks: [], problem: undefined },
    });
  }

  /** As the daemon starts; whoever calls it decides what a failure means. */
  static async start(world: SimulatedWorld, options: LifeOptions, listener: LifeListener): Promise<Life> {
    const lock = await lockFolder(world, AREA.root);
    const place = placeIn(world, options.lies);
    let supervisor: Supervisor | undefined;
    const core = await openCore({
      world,
      http: new SimulatedHttp(),
      area: AREA,
      place,
      owner: { uid: 0, gid: 0 },
      git: { allowHttp: false },
      limits: options.limits,
      policy: options.policy,
      listener: {
        alarm: (alarm) => listener.alarm(alarm),
        stepFailed: (context, step, error) => listener.stepFailed(context, step, error),
        warning() {},
        progress() {},
        unpublished: (_instance, _moved, error) => listener.crashed(error),
      },
      supervisor: () => {
        if (supervisor === undefined) throw new Error('the supervisor has not been started');
        return supervisor;
      },
    });
    core.publisher.onTransition((transition) => listener.moved(transition));
    supervisor = await startSupervisor(
      'instances',
      {
        strategy: 'dynamic',
        childKind: 'worker',
        onExhausted: 'park-child',
        intensity: { restarts: INSTANCE_RESTARTS_MAX, periodMs: INSTANCE_RESTART_PERIOD_MS },
      },
      { clock: world.clock, random: world.random, onEvent: (event) => listener.supervised(event) },
    );
    await core.recover();
    return new Life(world, place, core, supervisor, lock, options.policy);
  }

  /** As the daemon stops when it is asked to. */
  async stop(): Promise<void> {
    this.core.instances.drain();
    await this.core.instances.settleJobs(this.world.clock, STOP_GRACE_MS);
    await this.#supervisor.stop();
    await this.core.close();
    await this.#lock.release();
  }

  /** As the daemon does from time to time: what nobody owns goes, and what nobody wants to keep. */
  async keepHouse(owner: OwnerId, workspaces: readonly WorkspaceId[], signal: AbortSignal): Promise<void> {
    const { world, core } = this;
    const housekeeping = new Housekeeping({
      world,
      area: AREA,
      settings: { minAgeMs: 0, keepMs: QUARANTINE_MS, minFreeBytes: 0 },
      hasActor: (instance) => core.instances.owns(instance),
      keepOut: (instance) => core.instances.keepOut(instance),
      listener: {
        quarantined() {},
        removed() {},
        cleaned() {},
        failed() {},
        inQuarantine() {},
      },
    });
    await housekeeping.open();
    await housekeeping.round(signal);
    for (const workspace of workspaces) {
      const backups = new BackupRepository(this.place, owner, workspace);
      await backups.retain(this.#policy, { signal, nowMs: world.clock.now() });
      await backups.sweepOrphans(world.clock.now() - ORPHAN_MS, signal);
    }
  }

  parked(): readonly string[] {
    return this.#supervisor
      .whichChildren()
      .filter(({ state }) => state === 'parked')
      .map(({ name }) => name);
  }
}

/** No backup of a simulated life takes as long. */
const ORPHAN_MS = 6 * 3_600_000;
const QUARANTINE_MS = 3_600_000;

export interface LifeOptions {
  readonly limits: Limits;
  readonly policy: BackupPolicy;
  readonly lies: Lies;
}

export function placeIn(world: SimulatedWorld, lies: Lies): ArchivePlace {
  const directory = new LyingStorage(
    world,
    {
      folder: STORAGE,
      witness: AREA.storageWitness,
      bucket: BUCKET,
    },
    lies,
  );
  return { world, storage: new RetryingStorage(directory, world), user: undefined };
}

const logger = pino({ level: 'silent' });

export function callContext(signal: AbortSignal): CallContext {
  return {
    method: '/simulation',
    peer: 'simulation',
    deadline: Number.POSITIVE_INFINITY,
    signal,
    metadata: new Metadata(),
    logger,
  };
}
