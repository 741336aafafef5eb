import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import pino from 'pino';
import { type InstanceId, isInstanceId } from '../../machines/ids.js';
import { WorkingArea } from '../../src/daemon/area.js';
import { type DaemonConfigInput, daemonConfigSchema } from '../../src/daemon/config.js';
import { type ContentCore, type CoreListener, openCore } from '../../src/daemon/core.js';
import { contentServiceHandlers } from '../../src/daemon/rpc/content-service.js';
import { stewardContentHandlers } from '../../src/daemon/rpc/steward/content.js';
import { RealHttp } from '../../src/gateways/real/http.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { World } from '../../src/gateways/world.js';
import type { CallContext } from '../../src/grpc/service-types.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import { startSupervisor } from '../../src/supervision/start.js';
import type { Supervisor } from '../../src/supervision/supervisor.js';
import { HeldStorage } from './held-storage.js';
import { type Gate, gate, interceptFiles } from './intercepted-files.js';

const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
const silent: CoreListener = { alarm() {}, stepFailed() {}, warning() {}, progress() {}, unpublished() {} };

export interface CoreChanges {
  /** What an earlier core has left; it is this one's to remove. */
  readonly folder?: string;
  readonly world?: World;
  readonly listener?: Partial<CoreListener>;
  readonly limits?: NonNullable<DaemonConfigInput['limits']>;
  readonly queues?: NonNullable<DaemonConfigInput['queues']>;
  /** Between two backups of content in use; absent: as configured. */
  readonly backupPeriodMs?: number;
}

/** The daemon without its wires, in a folder of its own, over a storage that can be held back. */
export async function realCore(changes: CoreChanges = {}) {
  const folder = changes.folder ?? (await mkdtemp(join(tmpdir(), 'steward-core-')));
  const area = new WorkingArea(join(folder, 'daemon'), join(folder, 'secrets'));
  let removal: Gate | undefined;
  const outside = changes.world ?? realWorld();
  const files = interceptFiles(outside.files, async (operation, path) => {
    if (operation === 'remove' && path.startsWith(`${area.workspaces}/`)) await removal?.passed;
  });
  const world: World = { ...outside, files };
  const directory = new DirectoryStorage(world, {
    folder: join(folder, 'objects'),
    witness: area.storageWitness,
    bucket: 'steward',
  });
  const storage = new HeldStorage(directory);
  const config = daemonConfigSchema.parse({
    stateFolder: area.root,
    secretsFolder: area.secrets,
    listen: ['unix:/unused'],
    content: { uid, gid, isRoot: false },
    storage: { folder: join(folder, 'objects') },
    limits: { backupAttemptsMax: 1, pauseMin: '10m', pauseMax: '10m', ...changes.limits },
    queues: changes.queues ?? {},
  });
  let supervisor: Supervisor | undefined;
  const core: ContentCore = await openCore({
    world,
    http: new RealHttp(),
    area,
    place: { world, storage, user: undefined },
    owner: config.content,
    git: config.git,
    limits: {
      ...config.limits,
      backupPeriodMs: changes.backupPeriodMs ?? config.limits.backupPeriodMs,
    },
    queues: config.queues,
    listener: { ...silent, ...changes.listener },
    supervisor: () => {
      if (supervisor === undefined) throw new Error('not started');
      return supervisor;
    },
  });
  supervisor = await startSupervisor(
    'instances',
    { strategy: 'dynamic', childKind: 'worker', onExhausted: 'park-child' },
    { clock: world.clock, random: world.random },
  );
  await core.recover();
  return {
    folder,
    area,
    core,
    storage,
    world,
    calls: contentServiceHandlers(core.instances, world.clock, core.snapshotNames),
    /** Content is not removed until the answer is called. */
    holdRemoval: () => {
      removal = gate();
      return () => removal?.open();
    },
    stop,
    close: async () => {
      await stop();
      // A program that was killed with its instance may end, and leave a name, a moment later.
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    },
  };

  async function stop(): Promise<void> {
    removal?.open();
    for (const operation of ['put', 'get', 'head', 'list'] as const) storage.release(operation);
    await supervisor?.stop();
    await core.close();
  }
}

export type RealCore = Awaited<ReturnType<typeof realCore>>;

/** `steward.v1` over such a core. */
export function stewardCallsOf({ core, world, storage, area, folder }: RealCore) {
  return stewardContentHandlers({
    core,
    node: 'here',
    place: { world, storage, user: undefined },
    area,
    restoreFolder: join(folder, 'restored'),
    drills: { list: () => [], nextAtMs: undefined },
    room: { disks: [], problem: undefined },
  });
}

/** A call nobody cancels. */
export function callContext(): CallContext {
  return {
    method: '/test',
    peer: 'test',
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    metadata: new Metadata(),
    logger: pino({ level: 'silent' }),
  };
}

/** An id that is known to be one. */
export function instanceId(text: string): InstanceId {
  if (isInstanceId(text)) return text;
  throw new Error(`${text} is no id`);
}
