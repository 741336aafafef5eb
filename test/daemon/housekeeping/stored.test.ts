import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { isOwnerId, isWorkspaceId } from '../../../machines/ids.js';
import {
  type StoredOptions,
  type StoredWorkspace,
  tidyStored,
} from '../../../src/daemon/housekeeping/stored.js';
import { storedPage } from '../../../src/daemon/housekeeping/stored-page.js';
import type { Keeping, KeepingWish } from '../../../src/daemon/housekeeping/stored-policy.js';
import { StoredTurns } from '../../../src/daemon/housekeeping/stored-turns.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../../src/storage/directory.js';

const HOUR = 3_600_000;
const { signal } = new AbortController();
const WISH = { revision: 0, keepCount: 20, keepAgeMs: 24 * HOUR, orphanAgeMs: 12 * HOUR };

let world: SimulatedWorld;
let storage: DirectoryStorage;

beforeEach(async () => {
  world = SimulatedWorld.fromSeed(1);
  await world.files.makeDirectory('/state');
  await world.files.syncDirectory('/');
  storage = new DirectoryStorage(world, {
    folder: '/storage',
    witness: '/state/witness',
    bucket: 'steward',
  });
});

describe('the workspaces that a storage holds', () => {
  it('come page by page, each once, whatever else is stored', async () => {
    await store(['ada/a', 'ada/a-b', 'ada/b', 'bob/a']);
    await put('ada/workspaces/none/snapshot-1.tar');
    await put('ada/workspaces/none/full.tar');
    await put('ada/blobs/x');
    await put('ada/workspaces/..b/backups/x').catch(() => undefined);
    const found: string[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = await storedPage(storage, after, 2, signal);
      expect(page.workspaces.length).toBeLessThanOrEqual(2);
      found.push(...page.workspaces.map(({ owner, workspace }) => `${owner}/${workspace}`));
      after = page.next;
      pages += 1;
    } while (after !== undefined);
    expect(found).toEqual(['ada/a', 'ada/a-b', 'ada/b', 'bob/a'].sort(bySlash));
    expect(pages).toBe(2);
  });
});

describe('tidying what only the storage knows', () => {
  beforeEach(async () => {
    await tidy({ looked: [], pageMax: 0 });
  });

  it('takes a page in each turn, goes on behind it after a restart, and begins again at the end', async () => {
    await store(['ada/a', 'ada/b', 'ada/c']);
    const looked: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      await tidy({ looked, pageMax: 1 });
      await world.time.advance(HOUR);
      world = world.cutPower();
      storage = new DirectoryStorage(world, {
        folder: '/storage',
        witness: '/state/witness',
        bucket: 'steward',
      });
    }
    expect(looked).toEqual(['a', 'b', 'c', 'a']);
  });

  it('is done by one of the nodes that share the storage; what a node knows itself it does in each round', async () => {
    await store(['ada/a', 'ada/b', 'ada/c']);
    const looked: string[] = [];
    const other: string[] = [];
    await tidy({ looked, here: ['a'] });
    await tidy({ looked: other, here: ['b'] });
    expect(looked).toEqual(['a', 'b', 'c']);
    expect(other).toEqual(['b']);
    await world.time.advance(HOUR);
    await tidy({ looked: other, here: ['b'] });
    await tidy({ looked, here: ['a'] });
    expect(other).toEqual(['b', 'b', 'a', 'c']);
    expect(looked).toEqual(['a', 'b', 'c', 'a']);
  });

  it('comes again when it was cut short, and leaves one claim and one note behind, however long it goes on', async () => {
    await store(['ada/a', 'ada/b']);
    const looked: string[] = [];
    const stopping = new AbortController();
    await tidy({ looked, onLook: () => stopping.abort(), until: stopping.signal });
    expect(looked).toEqual(['a']);
    for (let round = 0; round < 5; round += 1) {
      await world.time.advance(HOUR);
      await tidy({ looked });
    }
    expect(looked.slice(0, 4)).toEqual(['a', 'a', 'b', 'a']);
    const upkeep = await world.files.list('/storage/objects/steward-check/upkeep');
    expect(upkeep.filter(({ kind }) => kind === 'file')).toHaveLength(2);
    expect(await world.files.list('/storage/objects/steward-check/upkeep/clock')).toHaveLength(1);
    expect(await world.files.list('/storage/objects/steward-check/upkeep/policy')).toHaveLength(1);
  });

  it('is switched off by 0, and a storage that cannot be listed is told, and keeps nothing else waiting', async () => {
    await store(['ada/a']);
    const looked: string[] = [];
    await tidy({ looked, pageMax: 0 });
    expect(looked).toEqual([]);
    const failed: string[] = [];
    const list = () => {
      throw new Error('it is down');
    };
    await tidy({ looked, here: ['z'], storage: storageWith({ list }), failed });
    expect(looked).toEqual(['z']);
    expect(failed).toEqual(['the workspaces that only the storage knows']);
  });
});

describe('what is tidied by several nodes', () => {
  it('goes by the time of the storage, and not at all where the node lives at another time', async () => {
    await tidy({ looked: [] });
    const looked: string[] = [];
    const at: number[] = [];
    const ahead = shiftedBy(-2 * 60_000);
    await tidy({ looked, at, here: ['a'], storage: ahead });
    expect(looked).toEqual(['a']);
    expect(at).toEqual([world.clock.now() - 2 * 60_000]);
    for (const hours of [-3, 3]) {
      const away: number[] = [];
      const tidying = tidy({ looked, here: ['a'], storage: shiftedBy(hours * HOUR), away });
      await expect(tidying).rejects.toMatchObject({ code: 'storage-refused', message: /10800 s/ });
      expect(away).toEqual([-hours * HOUR]);
    }
    await expect(tidy({ looked, here: ['a'], storage: shiftedBy(-world.clock.now()) })).rejects.toThrow(
      /ahead/,
    );
    expect(looked).toEqual(['a']);
  });

  it('stays as long as the node that keeps most says, and nothing goes before all could say it', async () => {
    const looked: string[] = [];
    const kept: Keeping[] = [];
    const few = { ...WISH, keepCount: 1, orphanAgeMs: HOUR };
    const node = (wish: KeepingWish) => tidy({ looked, here: ['a'], wish, kept });
    await node(few);
    expect(looked).toEqual([]);
    await node({ ...few, keepAgeMs: 48 * HOUR });
    await node(WISH);
    expect(looked).toEqual([]);
    await node(few);
    await node(WISH);
    expect(looked).toEqual(['a', 'a']);
    const most = { keepCount: 20, keepAgeMs: 48 * HOUR, orphanAgeMs: 12 * HOUR };
    expect(kept).toEqual([most, most]);
  });

  it('stays shorter only when that is said with a higher revision; a node that lags behind keeps what it said', async () => {
    const looked: string[] = [];
    const kept: Keeping[] = [];
    const few = { ...WISH, keepCount: 1, revision: 1 };
    for (const wish of [WISH, WISH, few, few, WISH]) await tidy({ looked, here: ['a'], wish, kept });
    expect(kept.map(({ keepCount }) => keepCount)).toEqual([20, 1, 20]);
  });

  it('stays when nodes speak at the same moment, or what one said cannot be read', async () => {
    const looked: string[] = [];
    const kept: Keeping[] = [];
    const wishes = [1, 5, 3].map((keepCount) => ({ ...WISH, keepCount }));
    await Promise.all(wishes.map((wish) => tidy({ looked, wish, pageMax: 0 })));
    for (const wish of wishes) await tidy({ looked, here: ['a'], wish, kept });
    for (const wish of wishes) await tidy({ looked, here: ['a'], wish, kept });
    expect(new Set(kept.map(({ keepCount }) => keepCount))).toEqual(new Set([5]));
    await world.files.write('/storage/objects/steward-check/upkeep/policy/0.json', '{"keepCount":');
    await expect(tidy({ looked, here: ['a'] })).rejects.toThrow(/policy\/0.json/);
  });
});

interface Tidying {
  readonly looked: string[];
  readonly here?: readonly string[];
  readonly pageMax?: number;
  readonly onLook?: () => void;
  readonly until?: AbortSignal;
  readonly storage?: Storage;
  readonly failed?: string[];
  readonly wish?: KeepingWish;
  /** What was removed by, and when. */
  readonly kept?: Keeping[];
  readonly at?: number[];
  readonly away?: number[];
}

async function tidy({ looked, here = [], pageMax = 100, until = signal, wish = WISH, ...said }: Tidying) {
  const { clock } = world;
  const used = said.storage ?? storage;
  await tidyStored(
    {
      clock,
      storage: used,
      node: 'here',
      wish,
      backupsOf: (_owner, workspace) => ({
        retain: async ({ keepCount, keepAgeMs }, { nowMs }) => {
          looked.push(workspace);
          said.at?.push(nowMs);
          said.kept?.push({ keepCount, keepAgeMs, orphanAgeMs: 0 });
          said.onLook?.();
          return { generations: [], archives: [], sizeBytes: 0 };
        },
        sweepOrphans: async (olderThanMs) => {
          const kept = said.kept?.pop();
          if (kept !== undefined) said.kept?.push({ ...kept, orphanAgeMs: clock.now() - olderThanMs });
          return [];
        },
      }),
      workspaces: () => here.map((name) => workspaceOf(`ada/${name}`)),
      turns: new StoredTurns({ storage: used, periodMs: HOUR, node: 'here' }),
      pageMax,
      listener: {
        tidied() {},
        failed: (what) => void said.failed?.push(what),
        clock: (aheadMs) => void said.away?.push(aheadMs),
        keeping() {},
      },
    },
    until,
  );
}

type Storage = StoredOptions['storage'];

function storageWith(changed: Partial<Storage>): Storage {
  return {
    put: (...args) => storage.put(...args),
    get: (...args) => storage.get(...args),
    replace: (...args) => storage.replace(...args),
    list: (...args) => storage.list(...args),
    sweep: () => storage.sweep(),
    deleteMany: (...args) => storage.deleteMany(...args),
    ...changed,
  };
}

/** The storage as one whose clock is that much ahead of the node's. */
function shiftedBy(milliseconds: number): Storage {
  return storageWith({
    replace: async (...args) => {
      const object = await storage.replace(...args);
      return { ...object, modifiedMs: object.modifiedMs + milliseconds };
    },
  });
}

async function store(workspaces: readonly string[]): Promise<void> {
  for (const one of workspaces) {
    const [owner, workspace] = one.split('/');
    await put(`${owner}/workspaces/${workspace}/backups/0001.manifest.json`);
    await put(`${owner}/workspaces/${workspace}/backups/0001-x.tar`);
  }
}

async function put(name: string): Promise<void> {
  await storage.put(name, Readable.from(['x']), { signal });
}

function workspaceOf(text: string): StoredWorkspace {
  const [owner = '', workspace = ''] = text.split('/');
  if (!isOwnerId(owner) || !isWorkspaceId(workspace)) throw new Error('no ids');
  return { owner, workspace };
}

/** As the names of objects are: `a-b/` comes before `a/`. */
function bySlash(one: string, other: string): number {
  return `${one}/` < `${other}/` ? -1 : 1;
}
