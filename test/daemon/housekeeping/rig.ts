import { join } from 'node:path';
import { WorkingArea } from '../../../src/daemon/area.js';
import { Housekeeping, type HousekeepingListener } from '../../../src/daemon/housekeeping/housekeeping.js';
import type { Files } from '../../../src/gateways/files.js';
import type { SimulatedWorld } from '../../../src/gateways/simulated/world.js';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const AREA = new WorkingArea('/state', '/run/secrets');
export const never = new AbortController().signal;

/** What was told, one line each. */
export type Told = string[];

export interface Rig {
  readonly housekeeping: Housekeeping;
  readonly told: Told;
}

export function housekeepingIn(
  world: SimulatedWorld,
  changes: {
    readonly files?: Files;
    readonly actors?: ReadonlySet<string>;
    readonly minFreeBytes?: number;
  } = {},
): Rig {
  const told: Told = [];
  const listener: HousekeepingListener = {
    quarantined: (path) => told.push(`quarantined ${path}`),
    removed: (name, why) => told.push(`removed ${name.split('.')[0]} ${why}`),
    cleaned: (path) => told.push(`cleaned ${path}`),
    failed: (path, error) => told.push(`failed ${path}: ${error instanceof Error ? error.message : ''}`),
    inQuarantine: () => undefined,
  };
  const { clock, random } = world;
  const housekeeping = new Housekeeping({
    world: { clock, random, files: changes.files ?? world.files },
    area: AREA,
    settings: { minAgeMs: HOUR, keepMs: 7 * DAY, minFreeBytes: changes.minFreeBytes ?? 0 },
    hasActor: (instance) => changes.actors?.has(instance) ?? false,
    keepOut: (instance) => (changes.actors?.has(instance) === true ? undefined : () => undefined),
    listener,
  });
  return { housekeeping, told };
}

export async function emptyArea(world: SimulatedWorld): Promise<void> {
  const { workspaces, records, setAside, chains, secrets, root } = AREA;
  for (const folder of [workspaces, records, setAside, chains, secrets])
    await world.files.makeDirectory(folder);
  for (const folder of ['/', root, workspaces, '/run']) await world.files.syncDirectory(folder);
}

/** A folder with a file in it, certain to survive. */
export async function putContent(world: SimulatedWorld, folder: string, text: string): Promise<void> {
  await world.files.makeDirectory(folder);
  await world.files.write(join(folder, 'work.txt'), text, { sync: true });
  await world.files.syncDirectory(folder);
  await world.files.syncDirectory(join(folder, '..'));
}

/** Everything in the quarantine, by what its file says. */
export async function quarantined(world: SimulatedWorld): Promise<readonly string[]> {
  if ((await world.files.stat(AREA.quarantine)) === undefined) return [];
  const texts: string[] = [];
  for (const { name } of await world.files.list(AREA.quarantine)) {
    const path = join(AREA.quarantine, name, 'content', 'work.txt');
    if ((await world.files.stat(path)) !== undefined) texts.push(await textOf(world, path));
  }
  return texts.sort();
}

export async function textOf(world: SimulatedWorld, path: string): Promise<string> {
  return (await world.files.read(path, 1_000)).toString('utf8');
}
