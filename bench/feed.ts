import { join } from 'node:path';
import { type Client, credentials, makeClientConstructor } from '@grpc/grpc-js';
import { realWorld } from '../src/gateways/real/world.js';
import { SubscribeResponse, WorkspaceManagerService } from '../src/gen/ws-manager-api/core.js';
import { createChannel } from '../src/grpc/channel.js';
import { createClient } from '../src/grpc/client.js';
import { bareStream, sameBytes } from './bare-stream.js';
import { type Contestant, interleaved } from './interleaved.js';
import type { Measuring } from './measuring.js';
import { mebibytes, type Row } from './row.js';
import { startTalkingChild, type TalkingChild } from './talking-child.js';

const INSTANCES = 5_000;
const UPDATES = 100_000;
const ROUNDS = 5;
/** So often everything changes while somebody is connected who takes nothing. */
const CHANGES_MEANWHILE = 40;
const UPDATES_LEAST = 20_000;
const STALLED_MOST_BYTES = 16 * 2 ** 20;

/** The stream of statuses to a reader that keeps up, and to one that takes nothing. */
export async function benchFeed(measuring: Measuring): Promise<readonly Row[]> {
  const folder = measuring.newFolder();
  const sockets = [join(folder, 'feed.sock'), join(folder, 'bare.sock')] as const;
  const child = startTalkingChild('feed-child-process.ts', ...sockets, String(INSTANCES));
  await child.hear();
  const channel = createChannel(`unix:${sockets[0]}`, { clock: realWorld().clock });
  const manager = createClient(WorkspaceManagerService, channel);
  const bare = bareClient(`unix:${sockets[1]}`);
  try {
    const updates = Math.round(UPDATES * measuring.scale);
    const ms = await interleaved<'ours' | 'bare'>(ROUNDS, [
      { name: 'ours', run: () => readOurs(manager, child, updates) },
      { name: 'bare', run: () => readBare(bare, updates) },
    ] satisfies readonly (Contestant & { readonly name: 'ours' | 'bare' })[]);
    const [ours, theirs] = [(updates / ms.ours) * 1_000, (updates / ms.bare) * 1_000];
    const stalledBytes = await stalledBy(manager, child);
    return [
      {
        what: `updates a second to one subscriber, ${INSTANCES} instances`,
        ours: `${Math.round(ours)} /s`,
        against: `${Math.round(theirs)} /s (the same bytes from a bare grpc-js stream)`,
        result: `${Math.round(ours)} /s, ${(ms.ours / ms.bare).toFixed(2)} ×`,
        target: `≥ ${UPDATES_LEAST} /s`,
        isMet: ours >= UPDATES_LEAST,
      },
      {
        what: `memory of a subscriber that takes nothing while ${INSTANCES * CHANGES_MEANWHILE} updates happen`,
        ours: mebibytes(stalledBytes),
        against: '–',
        result: mebibytes(stalledBytes),
        target: '≤ 16 MiB',
        isMet: stalledBytes <= STALLED_MOST_BYTES,
      },
    ];
  } finally {
    bare.close();
    channel.close();
    await child.stop();
  }
}

type Manager = ReturnType<typeof createClient<typeof WorkspaceManagerService>>;

/** Everything changes again whenever it was all read, so that there is always something to tell. */
async function readOurs(manager: Manager, child: TalkingChild, updates: number): Promise<void> {
  let left = updates;
  child.say('change');
  for await (const _ of manager.subscribe({ mustMatch: undefined }, { timeoutMs: 600_000 })) {
    left -= 1;
    if (left === 0) return;
    if (left % INSTANCES === INSTANCES / 2) child.say('change');
  }
}

function readBare(client: BareClient, updates: number): Promise<void> {
  return new Promise((resolve) => {
    let left = updates;
    const call = client.stream();
    call.on('data', (bytes) => {
      SubscribeResponse.decode(bytes);
      left -= 1;
      if (left === 0) call.cancel();
    });
    call.on('error', () => resolve());
  });
}

/** How much more the server holds with such a subscriber than without, after everything changed many times. */
async function stalledBy(manager: Manager, child: TalkingChild): Promise<number> {
  const memory = async () => {
    child.say(String(CHANGES_MEANWHILE));
    const { bytes } = JSON.parse(await child.hear());
    return Number(bytes);
  };
  await memory();
  const before = await memory();
  const stalled = manager.subscribe({ mustMatch: undefined }, { timeoutMs: 600_000 });
  await stalled.started;
  const after = await memory();
  stalled.cancel();
  return Math.max(0, after - before);
}

interface BareCall {
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
  cancel(): void;
}

interface BareClient {
  stream(): BareCall;
  close(): void;
}

function bareClient(address: string): BareClient {
  const Bare = makeClientConstructor(bareStream, 'Bare');
  const client: Client = new Bare(address, credentials.createInsecure());
  return {
    stream: () =>
      client.makeServerStreamRequest(bareStream.stream.path, sameBytes, sameBytes, Buffer.alloc(0)),
    close: () => client.close(),
  };
}
