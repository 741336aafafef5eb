import { appendFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RealFiles } from '../../src/gateways/real/files.js';
import type { RecordAlarm } from '../../src/records/alarm.js';
import { Journal } from '../../src/records/journal.js';
import type { JournalEntry } from '../../src/records/journal-line.js';
import { interceptFiles } from '../support/intercepted-files.js';
import { temporaryFolder } from '../support/temporary-folder.js';

interface Entry extends JournalEntry {
  readonly text?: string;
}

describe('Journal', () => {
  it('gives back after a restart what was appended, in order', async () => {
    const { open, add } = await setUp();
    await add(await open(), ['a', 'b', 'a']);
    const journal = await open();
    await add(journal, ['a']);
    expect((await everything(journal, 1)).map(({ instance }) => instance)).toEqual(['a', 'b', 'a', 'a']);
  });

  it('finds the newest entries of one instance over all segments', async () => {
    const { open, add } = await setUp();
    const journal = await open();
    await add(journal, ['a', 'b', 'a', 'a', 'b']);
    await add(await open(), ['a', 'ab']);
    const found = await (await open()).readInstance('a', 3);
    expect(found.map(({ instance }) => instance)).toEqual(['a', 'a', 'a']);
    expect(found.map(({ sequence }) => sequence)).toEqual(
      [...found.map((e) => e.sequence)].sort((x, y) => x - y),
    );
    expect(found.at(-1)?.sequence).toBeGreaterThan(5);
  });

  it('numbers go on without a gap after an orderly end', async () => {
    const { open, add } = await setUp();
    const journal = await open();
    await add(journal, ['a', 'a', 'a']);
    await journal.close();
    expect(await (await open()).take(1)).toBe(4);
  });

  it('never gives a number twice, even when the whole tail of the history is lost', async () => {
    const { folder, open, add } = await setUp();
    const journal = await open();
    await add(journal, ['a', 'a']);
    for (const name of await readdir(folder)) {
      if (name.endsWith('.history')) await writeFile(join(folder, name), '');
    }
    expect(await (await open()).take(1)).toBeGreaterThan(2);
  });

  it('never gives a number twice when the reservation is unreadable', async () => {
    const { folder, open, add } = await setUp();
    const journal = await open();
    await add(journal, ['a', 'a', 'a', 'a']);
    await writeFile(join(folder, 'reserved'), 'garbage');
    expect(await (await open()).take(1)).toBe(5);
  });

  it('passes over a torn last line in silence and keeps what comes after', async () => {
    const { folder, open, add, alarms } = await setUp();
    await add(await open(), ['a', 'b']);
    const [name] = (await readdir(folder)).filter((each) => each.endsWith('.history'));
    await appendFile(join(folder, name ?? ''), '0123456789abcdef {"sequence":3,"inst');
    await add(await open(), ['c']);
    expect((await everything(await open(), 1)).map(({ instance }) => instance)).toEqual(['a', 'b', 'c']);
    expect(alarms).toEqual([]);
  });

  it('reports a damaged line and keeps the others', async () => {
    const { folder, open, add, alarms } = await setUp();
    await add(await open(), ['a', 'b', 'c']);
    const [name] = (await readdir(folder)).filter((each) => each.endsWith('.history'));
    const path = join(folder, name ?? '');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"b"', '"x"'));
    expect((await everything(await open(), 1)).map(({ instance }) => instance)).toEqual(['a', 'c']);
    expect(alarms).toMatchObject([{ kind: 'history-damaged', path }]);
  });

  it('adds nothing to a segment in which a write failed half way', async () => {
    let isFull = false;
    const { folder, open, add, alarms } = await setUp(async (operation, path) => {
      if (!isFull || operation !== 'append') return;
      await appendFile(path, 'half a li');
      throw new Error('full');
    });
    const journal = await open();
    await add(journal, ['a']);
    isFull = true;
    await expect(add(journal, ['lost'])).rejects.toThrow('full');
    isFull = false;
    await add(journal, ['b']);
    expect((await everything(await open(), 1)).map(({ instance }) => instance)).toEqual(['a', 'b']);
    expect(alarms).toEqual([]);
    expect(await readdir(folder)).toHaveLength(3);
  });

  it('stays within its size by dropping the oldest, and says what is gone', async () => {
    const { folder, open, add } = await setUp(undefined, { totalBytes: 20_000, segmentBytes: 2_000 });
    const journal = await open();
    for (let round = 0; round < 100; round += 1)
      await add(
        journal,
        Array.from({ length: 10 }, () => 'a'),
      );
    let total = 0;
    for (const name of await readdir(folder)) total += (await stat(join(folder, name))).size;
    expect(total).toBeLessThan(25_000);
    const items = [];
    for await (const item of journal.readFrom(1)) items.push(item);
    const [first, second] = items;
    expect(first?.kind).toBe('gone');
    const oldest = first?.kind === 'gone' ? first.oldest : 0;
    expect(second).toMatchObject({ kind: 'entry', entry: { sequence: oldest } });
    expect(items).toHaveLength(1 + 1000 - oldest + 1);
  });

  it('reads from a number in the middle', async () => {
    const { open, add } = await setUp(undefined, { segmentBytes: 300 });
    const journal = await open();
    await add(
      journal,
      Array.from({ length: 30 }, (_, index) => `i${index}`),
    );
    expect((await everything(journal, 17)).map(({ sequence }) => sequence)[0]).toBe(17);
  });
});

async function setUp(
  before: Parameters<typeof interceptFiles>[1] = () => undefined,
  sizes: { totalBytes?: number; segmentBytes?: number } = {},
) {
  const folder = join(await temporaryFolder(), 'history');
  const alarms: RecordAlarm[] = [];
  const files = interceptFiles(new RealFiles(), before);
  const open = () => Journal.open<Entry>(files, { folder, onAlarm: (alarm) => alarms.push(alarm), ...sizes });
  const add = async (journal: Journal<Entry>, instances: readonly string[]) => {
    const first = await journal.take(instances.length);
    await journal.append(instances.map((instance, index) => ({ sequence: first + index, at: 0, instance })));
  };
  return { folder, open, add, alarms };
}

async function everything(journal: Journal<Entry>, from: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const item of journal.readFrom(from)) if (item.kind === 'entry') entries.push(item.entry);
  return entries;
}
