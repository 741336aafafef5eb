import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type InstanceId, isInstanceId } from '../../../machines/ids.js';
import { LayerCache, type LayerSettings } from '../../../src/content/layers/layer-cache.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import type { World } from '../../../src/gateways/world.js';

const GENEROUS = { maxBytes: 2 ** 30, maxLayers: 8 } as const;

/** A node's folders for layers and content, in a folder that goes with whoever gave it. */
export async function newNode(folder?: string) {
  const root = folder ?? (await mkdtemp(join(tmpdir(), 'steward-layers-')));
  const opened: LayerCache[] = [];
  onTestFinished(async () => {
    for (const cache of opened) await cache.flush();
    unmountBelow(root);
    if (folder === undefined) await rm(root, { recursive: true, force: true });
  });
  const workspaces = join(root, 'workspaces');
  await mkdir(workspaces, { recursive: true });
  const notes: string[] = [];
  const alarms: unknown[] = [];
  return {
    root,
    layers: join(root, 'layers'),
    overlays: join(workspaces, '.overlays'),
    notes,
    alarms,
    folderOf: (instance: InstanceId) => join(workspaces, instance),
    /** An empty content folder, as reserve leaves it. */
    reserve: async (instance: InstanceId) => {
      await mkdir(join(workspaces, instance));
      return join(workspaces, instance);
    },
    open: async (settings: Partial<LayerSettings> = {}, world: World = realWorld()) => {
      const cache = await LayerCache.open(world, {
        settings: { method: 'auto', ...GENEROUS, ...settings },
        layers: join(root, 'layers'),
        workspaces,
        overlays: join(workspaces, '.overlays'),
        setAside: join(root, 'set-aside'),
        onAlarm: (alarm) => alarms.push(alarm),
        onNote: (text) => notes.push(text),
      });
      opened.push(cache);
      return cache;
    },
  };
}

export type Node = Awaited<ReturnType<typeof newNode>>;

/** What a reboot does to mounts. */
export function unmountBelow(folder: string): void {
  const table = execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' });
  const points = table.split('\n').map((line) => line.split(' ')[4] ?? '');
  for (const point of points.reverse()) {
    if (point.startsWith(`${folder}/`)) execFileSync('umount', ['-l', point]);
  }
}

export function isMounted(folder: string): boolean {
  const table = execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' });
  return table.split('\n').some((line) => line.split(' ')[4] === folder);
}

/** A key that could be a digest. */
export function keyOf(digit: string): string {
  return digit.repeat(64);
}

export function instanceId(text: string): InstanceId {
  if (isInstanceId(text)) return text;
  throw new Error(`${text} is no id`);
}

export const noAbort = () => new AbortController().signal;
