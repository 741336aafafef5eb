import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { status } from '@grpc/grpc-js';
import PQueue from 'p-queue';
import { StewardError } from '../../src/errors/steward-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { WorkspaceContentServiceService } from '../../src/gen/ws-daemon-api/daemon.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import type { ContentClient } from './caller.js';
import type { DaemonNursery } from './daemon-process.js';
import { leftBehind } from './left.js';
import { StoredBackups } from './stored.js';
import { OWNER } from './workspace.js';

export interface StopsOptions {
  readonly nursery: DaemonNursery;
  readonly folder: string;
  /** Workspaces that are all stopped at once. */
  readonly count: number;
  readonly onKill: () => void;
}

const SLOTS = 5;
const KILLS = 2;
/** Stops are under way by then, and far from done. */
const KILL_AFTER_MS = 2_000;
const CALL_MS = 600_000;
const LOOK_MS = 5;
const STARTS_AT_ONCE = 20;

/** Stops everything at once with few slots, kills the daemon meanwhile, and looks at what came of each of them. */
export async function stopAll(options: StopsOptions): Promise<string> {
  const { nursery, folder, count, onKill } = options;
  await mkdir(folder, { recursive: true });
  const ids = Array.from({ length: count }, (_, index) => `w${index}`);
  await live(options, (client) => setUp(client, folder, ids));
  let most = 0;
  const looking = setInterval(() => {
    most = Math.max(most, packing(folder));
  }, LOOK_MS);
  for (let kill = 0; kill < KILLS; kill += 1) {
    const daemon = await nursery.start(birth(folder));
    const address = (await daemon.ready)?.[0];
    if (address === undefined) throw new Error('the daemon ended before it served');
    const timer = setTimeout(() => daemon.kill('SIGKILL'), KILL_AFTER_MS);
    const client = clientOf(address);
    await Promise.all(ids.map((id) => dispose(client.content, id).catch(() => undefined)));
    client.close();
    clearTimeout(timer);
    daemon.kill('SIGKILL');
    await daemon.ended;
    onKill();
  }
  await live(options, async ({ content }) => {
    await Promise.all(ids.map((id) => dispose(content, id)));
  });
  clearInterval(looking);
  if (most === 0) throw new Error('no backup was seen while it was made, so nothing is known of the slots');
  if (most > SLOTS) throw new Error(`${most} backups were made at the same time with ${SLOTS} slots`);
  await expectSaved(folder, ids);
  const left = await leftBehind(folder);
  if (left.length > 0) throw new Error(`left behind: ${left.slice(0, 10).join(', ')}`);
  return `${count} stops at once, at most ${most} of ${SLOTS} slots used, all saved`;
}

async function setUp({ content }: Client, folder: string, ids: readonly string[]): Promise<void> {
  const queue = new PQueue({ concurrency: STARTS_AT_ONCE });
  await queue.addAll(
    ids.map((id) => async () => {
      await content.initWorkspace({
        id: `${id}-1`,
        metadata: { owner: OWNER, metaId: id },
        initializer: { spec: { $case: 'empty', value: {} } },
        remoteStorageDisabled: false,
        storageQuotaBytes: 0n,
      });
      await writeFile(join(folder, 'daemon', 'workspaces', `${id}-1`, 'work'), `of ${id}`);
    }),
  );
}

async function dispose(content: ContentClient, id: string): Promise<void> {
  try {
    await content.disposeWorkspace({ id: `${id}-1`, backup: true, backupLogs: false });
  } catch (error) {
    const code = error instanceof StewardError ? error.entry.status : status.UNKNOWN;
    throw new Error(`Dispose of ${id}-1 was answered ${code}: ${error}`);
  }
}

async function expectSaved(folder: string, ids: readonly string[]): Promise<void> {
  const stored = new StoredBackups(join(folder, 'objects'), join(folder, 'read'));
  for (const id of ids) {
    const backups = await stored.backups(OWNER, id);
    const newest = backups.at(-1);
    const content = newest === undefined ? [] : await stored.restored(newest);
    if (content.length !== 1)
      throw new Error(`${id} was stopped and ${newest} holds ${content.length} entries`);
  }
}

/** How many tars read content at this moment; each may have made others for its own ends, in its process group. */
function packing(folder: string): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const packers = pids.filter((pid) => {
    const words = commandOf(pid);
    const isTar = basename(words[0] ?? '') === 'tar' && words.includes('--create');
    return isTar && words.includes('--file=-') && words.some((word) => word.includes(folder));
  });
  return new Set(packers.map(groupOf).filter((group) => group !== undefined)).size;
}

/** undefined: it has ended meanwhile. */
function groupOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold anything: state, parent, process group.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2];
  } catch {
    return undefined;
  }
}

function commandOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

type Client = ReturnType<typeof clientOf>;

function clientOf(address: string) {
  const channel = createChannel(address, { clock: realWorld().clock });
  const content = createClient(WorkspaceContentServiceService, channel, { timeoutMs: CALL_MS });
  return { content, close: () => channel.close() };
}

async function live(options: StopsOptions, work: (client: Client) => Promise<void>): Promise<void> {
  const daemon = await options.nursery.start(birth(options.folder));
  const client = clientOf((await daemon.ready)?.[0] ?? '');
  try {
    await work(client);
    daemon.kill('SIGTERM');
    const end = await daemon.ended;
    if (end !== 0) throw new Error(`asked to stop, the daemon ended with ${end}`);
  } finally {
    client.close();
    daemon.kill('SIGKILL');
  }
}

function birth(folder: string) {
  const root = process.getuid?.() === 0;
  const [uid, gid] = root ? [33333, 33333] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  return {
    log: `${folder}.log`,
    config: {
      stateFolder: join(folder, 'daemon'),
      secretsFolder: join(folder, 'secrets'),
      listen: [`unix:${join(folder, 'd.sock')}`],
      content: { uid, gid, isRoot: root },
      storage: { folder: join(folder, 'objects') },
      queues: { backup: { concurrency: SLOTS } },
      disk: { minFree: 1 },
    },
  };
}
