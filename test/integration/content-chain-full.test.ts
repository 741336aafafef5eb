import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ArchivePlace } from '../../src/content/archive-objects.js';
import { BackupRepository } from '../../src/content/backups.js';
import { chainSetting, policy } from '../content/support/chain-setting.js';
import { backupOptions, ids, noAbort, withProcesses } from '../content/support/place.js';
import { describeTree } from '../content/support/tree.js';

const { owner, workspace } = ids();

describe('a full backup instead of an increment', () => {
  test.each([
    ['the clock was set back', { wallMs: -60_000 }, 'clock'],
    ['the machine was started again', { bootId: 'another' }, 'started again'],
  ])('when %s', async (_, shift, because) => {
    const { content, place, create } = await chainSetting();
    await writeFile(join(content, 'a'), 'one');
    await create();
    await writeFile(join(content, 'b'), 'two');
    const later = new BackupRepository(shifted(place, shift), owner, workspace);
    const outcome = await later.create(content, { ...backupOptions(content), policy });
    expect(outcome).toMatchObject({ kind: 'committed', fullBecause: expect.stringContaining(because) });
    expect(outcome.manifest.parts.length).toBe(1);
  });

  test.each([
    ['is gone', (chain: string) => rm(chain, { recursive: true })],
    ['has no listing', async (chain: string) => rm(join(chain, await listingIn(chain)))],
    [
      'has a torn listing',
      async (chain: string) => {
        const path = join(chain, await listingIn(chain));
        await writeFile(path, (await readFile(path)).subarray(0, -5));
      },
    ],
    [
      'has a listing with another byte',
      async (chain: string) => {
        const path = join(chain, await listingIn(chain));
        const bytes = await readFile(path);
        bytes.writeUInt8(bytes.readUInt8(bytes.length - 4) ^ 1, bytes.length - 4);
        await writeFile(path, bytes);
      },
    ],
    ['has a torn head', (chain: string) => writeFile(join(chain, 'head.json'), '{"sha256":')],
    ['has a head of nonsense', (chain: string) => writeFile(join(chain, 'head.json'), '[]')],
    [
      'has a changed head',
      async (chain: string) => {
        const text = await readFile(join(chain, 'head.json'), 'utf8');
        await writeFile(join(chain, 'head.json'), text.replace(/"sinceMs":\d/, '"sinceMs":9'));
      },
    ],
    [
      'has a folder for a head',
      async (chain: string) => {
        await rm(join(chain, 'head.json'));
        await mkdir(join(chain, 'head.json'));
      },
    ],
  ])('when the chain folder %s', async (_, damage) => {
    const { content, create, chain, restored } = await chainSetting();
    await writeFile(join(content, 'a'), 'one');
    await create();
    await writeFile(join(content, 'b'), 'two');
    await damage(chain);
    const outcome = await create();
    expect(outcome).toMatchObject({ kind: 'committed', fullBecause: expect.any(String) });
    expect(await describeTree(await restored(outcome.manifest.generation))).toEqual(
      await describeTree(content),
    );
    await writeFile(join(content, 'c'), 'three');
    expect((await create()).manifest.parts.map(({ kind }) => kind)).toEqual(['full', 'increment']);
  });

  test('when the listing belongs to another instance or another workspace’s backups', async () => {
    const { content, place, create } = await chainSetting();
    await writeFile(join(content, 'a'), 'one');
    await create();
    await writeFile(join(content, 'b'), 'two');
    const { isInstanceId } = await import('../../machines/ids.js');
    const other = 'loom-2';
    if (!isInstanceId(other)) throw new Error('no id');
    const backups = new BackupRepository(place, owner, workspace);
    const outcome = await backups.create(content, { ...backupOptions(content), policy, instance: other });
    expect(outcome).toMatchObject({ fullBecause: expect.stringContaining('another instance') });
  });

  test('when an archive of the chain, or the manifest it would build on, is gone', async () => {
    const { content, create, objects, backups } = await chainSetting();
    await writeFile(join(content, 'a'), 'one');
    const first = await create();
    await writeFile(join(content, 'b'), 'two');
    await rm(join(objects, first.manifest.parts[0]?.archive ?? ''));
    const second = await create();
    expect(second).toMatchObject({ fullBecause: expect.stringContaining('archive') });
    await backups.delete(second.manifest.generation, { force: true, signal: noAbort() });
    await writeFile(join(content, 'c'), 'three');
    expect(await create()).toMatchObject({ fullBecause: expect.stringContaining('gone') });
  });

  test('when there are as many increments as the policy allows, or they are large beside the full one', async () => {
    const { content, create } = await chainSetting();
    await writeFile(join(content, 'a'), 'one');
    const next = async (more: Partial<typeof policy>) => {
      await appendFile(join(content, 'a'), 'more');
      return (await create({ policy: { ...policy, ...more } })).manifest.parts.length;
    };
    const lengths = [];
    for (let backup = 0; backup < 5; backup += 1) lengths.push(await next({ fullAfterIncrements: 2 }));
    expect(lengths).toEqual([1, 2, 3, 1, 2]);
    expect(await next({ fullWhenIncrementsExceedShare: 0.01 })).toBe(1);
  });

  test('when the newest manifest cannot be read: a backup is made all the same', async () => {
    const { content, create, objects } = await chainSetting();
    await writeFile(join(content, 'a'), 'one');
    await create();
    const path = join(objects, owner, 'workspaces', workspace, 'backups/000000000001.manifest.json');
    await writeFile(path, '{');
    expect(await create()).toMatchObject({ kind: 'committed', manifest: { generation: 2 } });
  });
});

async function listingIn(chain: string): Promise<string> {
  const name = (await readdir(chain)).find((one) => one.startsWith('listing-'));
  if (name === undefined) throw new Error('there is no listing');
  return name;
}

/** The same machine later: after a step of its wall clock, or another boot. */
function shifted(place: ArchivePlace, by: { wallMs?: number; bootId?: string }): ArchivePlace {
  const { clock, processes } = place.world;
  const { wallMs = 0, bootId } = by;
  const stepped = {
    now: () => clock.now() + wallMs,
    monotonic: () => clock.monotonic(),
    schedule: (at: number, callback: () => void) => clock.schedule(at - wallMs, callback),
  };
  const self = () => ({ ...processes.self(), ...(bootId === undefined ? {} : { bootId }) });
  const changed = withProcesses(place, { self });
  return { ...changed, world: { ...changed.world, clock: stepped } };
}
