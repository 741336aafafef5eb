import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { isOwnerId, isWorkspaceId } from '../../../machines/ids.js';
import { DEFAULT_BACKUP_POLICY } from '../../../src/content/backup-policy.js';
import { type StoredWorkspace, tidyStored } from '../../../src/daemon/housekeeping/stored.js';
import { storedPage } from '../../../src/daemon/housekeeping/stored-page.js';
import { StoredTurns } from '../../../src/daemon/housekeeping/stored-turns.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { DirectoryStorage } from '../../../src/storage/directory.js';

const HOUR = 3_600_000;
const { signal } = new AbortController();

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
    expect(await world.files.list('/storage/objects/steward-check/upkeep')).toHaveLength(2);
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
    await tidy({ looked, here: ['z'], storage: Object.assign(Object.create(storage), { list }), failed });
    expect(looked).toEqual(['z']);
    expect(failed).toEqual(['the workspaces that only the storage knows']);
  });
});

interface Tidying {
  readonly looked: string[];
  readonly here?: readonly string[];
  readonly pageMax?: number;
  readonly onLook?: () => void;
  readonly until?: AbortSignal;
  readonly storage?: DirectoryStorage;
  readonly failed?: string[];
}

async function tidy({ looked, here = [], pageMax = 100, onLook, until = signal, failed, ...rest }: Tidying) {
  const { clock } = world;
  const used = rest.storage ?? storage;
  await tidyStored(
    {
      clock,
      storage: used,
      backupsOf: (_owner, workspace) => ({
        retain: async () => {
          looked.push(workspace);
          onLook?.();
          return { generations: [], archives: [], sizeBytes: 0 };
        },
        sweepOrphans: async () => [],
      }),
      workspaces: () => here.map((name) => workspaceOf(`ada/${name}`)),
      turns: new StoredTurns({ clock, storage: used, periodMs: HOUR, node: 'here' }),
      pageMax,
      policy: DEFAULT_BACKUP_POLICY,
      orphanAgeMs: HOUR,
      listener: { tidied() {}, failed: (what) => void failed?.push(what) },
    },
    until,
  );
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
