import { expect, it } from 'vitest';
import { isInstanceId, isOwnerId, isWorkspaceId } from '../../../machines/ids.js';
import type { BackupManifest } from '../../../src/content/manifest.js';
import type { Proof } from '../../../src/content/proof.js';
import { WorkingArea } from '../../../src/daemon/area.js';
import { DRILL_RETRY_MS } from '../../../src/daemon/bounds.js';
import { DrillLog } from '../../../src/daemon/drills/drill-log.js';
import { Drills } from '../../../src/daemon/drills/drills.js';
import type { StoredWorkspace } from '../../../src/daemon/housekeeping/stored.js';
import { behind } from '../../../src/daemon/housekeeping/stored-page.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';

const DAY = 24 * 3_600_000;
const AREA = new WorkingArea('/state', '/secrets');
const PROVEN: Proof = { kind: 'proven', tree: { entries: 3, bytes: 40, digest: 'd' } };

interface Rig {
  readonly drills: Drills;
  readonly told: string[];
}

/** What each workspace's newest backup proves to be; a workspace that is not named has none. */
type Backups = Readonly<Record<string, Proof | Error>>;

async function drillsIn(
  world: SimulatedWorld,
  backups: Backups,
  changes: {
    readonly noRoom?: readonly string[];
    readonly workspaces?: readonly string[];
    /** What the storage holds in all; no answer: it is down. */
    readonly stored?: () => readonly string[];
  } = {},
): Promise<Rig> {
  const told: string[] = [];
  await world.files.makeDirectory(AREA.root);
  await world.files.syncDirectory('/');
  const log = await DrillLog.open(world, AREA, (keptAt) => told.push(`kept at ${keptAt}`));
  const names = changes.workspaces ?? Object.keys(backups);
  let asked = '';
  const drills = new Drills({
    world,
    log,
    periodMs: DAY,
    workspaces: () => names.map(workspaceOf),
    stored: async (after = '') => {
      const all = (changes.stored?.() ?? names).map(workspaceOf);
      return { workspaces: all.filter((one) => behind(one) > after), next: undefined };
    },
    backupsOf: (_owner, workspace) => ({
      latest: async () => {
        asked = workspace;
        return workspace in backups ? manifestOf(workspace) : undefined;
      },
      prove: async () => {
        const proof = backups[workspace];
        if (proof === undefined || proof instanceof Error) throw proof ?? new Error('no backup');
        return proof;
      },
    }),
    noRoomFor: async () => (changes.noRoom?.includes(asked) ? 'too large' : undefined),
    inScratch: (work, signal) => work('/scratch', signal),
    listener: {
      drilled: ({ workspace, outcome }) => told.push(`${workspace} ${outcome.kind}`),
      skipped: ({ workspace }) => told.push(`${workspace} skipped`),
      failed: (error) => told.push(`failed ${error}`),
    },
  });
  drills.start();
  return { drills, told };
}

it('proves one workspace after another, the one with the oldest proof first', async () => {
  const world = SimulatedWorld.fromSeed(1);
  const { drills, told } = await drillsIn(world, { a: PROVEN, b: PROVEN, c: PROVEN });
  expect(told).toEqual([]);
  await world.time.advance(5 * DAY);
  expect(told.slice(0, 5)).toEqual(['a proven', 'b proven', 'c proven', 'a proven', 'b proven']);
  expect(drills.list().map(({ workspace }) => workspace)).toEqual([...told].reverse().map((line) => line[0]));
  expect(drills.list()[0]?.outcome).toEqual({ kind: 'proven', entries: 3, bytes: 40 });
  await drills.stop();
});

it('goes on after a restart where it was, and drills nothing twice', async () => {
  const world = SimulatedWorld.fromSeed(2);
  const first = await drillsIn(world, { a: PROVEN, b: PROVEN });
  await world.time.advance(DAY);
  expect(first.told).toEqual(['a proven']);
  const due = first.drills.nextAtMs;
  const later = world.cutPower();
  const { drills, told } = await drillsIn(later, { a: PROVEN, b: PROVEN });
  expect(drills.nextAtMs).toBe(due);
  expect(drills.list()).toHaveLength(1);
  await later.time.advance(DAY);
  expect(told).toEqual(['b proven']);
  await drills.stop();
});

it('tells a backup that does not restore, and tries again sooner', async () => {
  const world = SimulatedWorld.fromSeed(3);
  const backups = {
    a: new StewardError('archive-damaged', 'the bytes are others'),
    b: { kind: 'different', why: 'one file is missing' },
  } as const;
  const { drills, told } = await drillsIn(world, backups);
  await world.time.advance(DAY);
  expect(told[0]).toBe('a failed');
  await world.time.advance(DRILL_RETRY_MS);
  expect(told[1]).toBe('b failed');
  expect(drills.list().map(({ outcome }) => outcome)).toContainEqual({
    kind: 'failed',
    code: 'archive-damaged',
    why: 'it restores, but not what was there: one file is missing',
  });
  await drills.stop();
});

it('proves in turn what is known here and what only the storage knows, over restarts too', async () => {
  const world = SimulatedWorld.fromSeed(6);
  const backups = { a: PROVEN, x: PROVEN, y: PROVEN, z: PROVEN };
  const changes = { workspaces: ['a'], stored: () => ['a', 'x', 'y', 'z'] };
  const first = await drillsIn(world, backups, changes);
  await world.time.advance(3 * DAY);
  const later = world.cutPower();
  const second = await drillsIn(later, backups, changes);
  await later.time.advance(7 * DAY);
  const proven = [...first.told, ...second.told].map((line) => line[0]);
  expect(proven.slice(0, 8)).toEqual(['a', 'x', 'a', 'y', 'a', 'z', 'a', 'x']);
  await second.drills.stop();
});

it('goes on with what is known here while the storage does not say what it holds', async () => {
  const world = SimulatedWorld.fromSeed(7);
  const isDown = () => {
    throw new Error('it is down');
  };
  const { drills, told } = await drillsIn(world, { a: PROVEN, b: PROVEN }, { stored: isDown });
  await world.time.advance(2 * DAY);
  expect(told).toEqual(['a proven', 'failed Error: it is down', 'b proven']);
  await drills.stop();
});

it('passes over workspaces without a backup, and those there is no room for', async () => {
  const world = SimulatedWorld.fromSeed(4);
  const { drills, told } = await drillsIn(
    world,
    { large: PROVEN, small: PROVEN },
    { workspaces: ['none', 'large', 'small'], noRoom: ['large'] },
  );
  await world.time.advance(DAY);
  expect(told).toEqual(['large skipped', 'small proven']);
  await drills.stop();
});

it('puts aside what it cannot read, and begins anew', async () => {
  const world = SimulatedWorld.fromSeed(5);
  await world.files.makeDirectory(AREA.setAside);
  await world.files.write('/state/drills.json', '{"drills": 7');
  const { drills, told } = await drillsIn(world, {});
  expect(told).toEqual([expect.stringMatching(/^kept at \/state\/set-aside\/drills\./)]);
  expect(drills.list()).toEqual([]);
  await world.time.advance(3 * DAY);
  await drills.stop();
});

function workspaceOf(name: string): StoredWorkspace {
  const owner = 'ada';
  if (!isOwnerId(owner) || !isWorkspaceId(name)) throw new Error('no ids');
  return { owner, workspace: name };
}

function manifestOf(name: string): BackupManifest {
  const instance = `${name}-1`;
  if (!isInstanceId(instance)) throw new Error('no id');
  return {
    kind: 'backup',
    generation: 7,
    ...workspaceOf(name),
    instance,
    createdAtMs: 0,
    parts: [],
    torn: { count: 0, names: [] },
    changed: { count: 0, names: [] },
  };
}
