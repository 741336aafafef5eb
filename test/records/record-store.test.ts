import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileError } from '../../src/gateways/file-error.js';
import type { Files } from '../../src/gateways/files.js';
import { RealClock } from '../../src/gateways/real/clock.js';
import { RealFiles } from '../../src/gateways/real/files.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import type { RecordAlarm } from '../../src/records/alarm.js';
import { RECORD_BYTES } from '../../src/records/bounds.js';
import { seal } from '../../src/records/envelope.js';
import { RecordStore } from '../../src/records/record-store.js';
import type { RecordSchema } from '../../src/records/schema.js';
import { gate, interceptFiles } from '../support/intercepted-files.js';
import { temporaryFolder } from '../support/temporary-folder.js';

interface Body {
  readonly name: string;
}

const schema: RecordSchema<Body> = {
  version: 3,
  migrations: {
    1: (body) => ({ label: body }),
    2: (body) => ({ name: String(Object.values(Object(body))[0]) }),
  },
  parse(body) {
    const { name } = Object(body);
    if (typeof name !== 'string') throw new Error('name must be a text');
    return { name };
  },
};

describe('RecordStore', () => {
  it('gives back after a restart what was written, and not what was removed', async () => {
    const { store, reopen } = await setUp();
    await store.write('one', { name: 'first' });
    await store.write('one', { name: 'second' });
    await store.write('two', { name: 'other' });
    await store.remove('two');
    expect(await reopen()).toEqual({ records: { one: 'second' }, alarms: [] });
  });

  it('answers a write only when record and name are on disk', async () => {
    const held = gate();
    let isHeld = false;
    const { store } = await setUp((operation) =>
      isHeld && operation === 'syncDirectory' ? held.passed : undefined,
    );
    isHeld = true;
    let isAnswered = false;
    const write = store.write('one', { name: 'x' }).then(() => {
      isAnswered = true;
    });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(isAnswered).toBe(false);
    held.open();
    await write;
  });

  it('keeps over a power cut what a start has read, although its writer was killed before it had synced', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const world = SimulatedWorld.fromSeed(seed);
      const options = { folder: '/records', setAside: '/aside', schema, onAlarm: () => undefined };
      const first = await RecordStore.open(world, options);
      world.files.faults = {
        at: (operation) => (operation === 'syncDirectory' ? { latencyMs: 1 } : undefined),
      };
      void first.write('one', { name: 'x' });
      await world.time.settle();
      const next = world.kill();
      await RecordStore.open(next, options);
      expect(await next.cutPower().files.stat('/records/one.record'), `seed ${seed}`).toBeDefined();
    }
  });

  it('shares the sync of the folder among records that move together', async () => {
    let syncs = 0;
    const { store, reopen } = await setUp((operation) => {
      if (operation === 'syncDirectory') syncs += 1;
    });
    const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => store.write(key, { name: key })));
    expect(syncs).toBeLessThan(100);
    expect(Object.keys((await reopen()).records)).toHaveLength(200);
  });

  it('writes only the newest of the bodies that waited, and answers everybody', async () => {
    let writes = 0;
    const { store, reopen } = await setUp((operation) => {
      if (operation === 'write') writes += 1;
    });
    const all = Array.from({ length: 50 }, (_, index) => store.write('one', { name: String(index) }));
    await Promise.all(all);
    expect(writes).toBeLessThanOrEqual(2);
    expect((await reopen()).records).toEqual({ one: '49' });
  });

  it('keeps the older record whole when a write fails, and can write again', async () => {
    let isFull = false;
    const { store, reopen } = await setUp((operation) => {
      if (isFull && operation === 'write') throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    });
    await store.write('one', { name: 'old' });
    isFull = true;
    await expect(store.write('one', { name: 'new' })).rejects.toMatchObject({ code: 'disk-full' });
    expect((await reopen()).records).toEqual({ one: 'old' });
    isFull = false;
    await store.write('one', { name: 'new' });
    expect((await reopen()).records).toEqual({ one: 'new' });
  });

  it('brings older versions up to date', async () => {
    const { folder, reopen } = await setUp();
    await writeFile(join(folder, 'v1.record'), seal('v1', 1, 'from one'));
    await writeFile(join(folder, 'v2.record'), seal('v2', 2, { label: 'from two' }));
    expect(await reopen()).toEqual({ records: { v1: 'from one', v2: 'from two' }, alarms: [] });
  });

  it.each([
    ['cut in half', (text: string) => text.slice(0, text.length / 2), 'cut off'],
    ['cut by its last byte', (text: string) => text.slice(0, -1), 'cut off'],
    ['empty', () => '', 'header'],
    ['from a future format', (text: string) => text.replace('record 1', 'record 2'), 'newer'],
    ['from a future version', () => seal('bad', 4, { name: 'x' }), 'newer'],
    ['of a version nothing leads on from', () => seal('bad', 0, { name: 'x' }), 'no migration'],
    ['under a wrong name', () => seal('other', 3, { name: 'x' }), 'digest'],
    ['of a wrong shape', () => seal('bad', 3, { name: 7 }), 'name must be a text'],
    ['too large', () => 'x'.repeat(RECORD_BYTES + 1), 'EFBIG'],
  ])('sets aside a record that is %s, and loads the others', async (_, spoil, reason) => {
    const { folder, store, reopen, asideNames } = await setUp();
    await store.write('good', { name: 'fine' });
    await store.write('bad', { name: 'spoilt '.repeat(100) });
    const path = join(folder, 'bad.record');
    const spoilt = spoil(await readFile(path, 'utf8'));
    await writeFile(path, spoilt);
    const { records, alarms } = await reopen();
    expect(records).toEqual({ good: 'fine' });
    expect(alarms).toMatchObject([{ kind: 'record-set-aside', key: 'bad' }]);
    expect(alarms.map((alarm) => 'reason' in alarm && alarm.reason).join()).toContain(reason);
    const [kept] = await asideNames();
    expect(await readFile(join(folder, '..', 'aside', kept ?? ''), 'utf8')).toBe(spoilt);
    expect(await readdir(folder)).toEqual(['good.record']);
  });

  it('tells of a record that is set aside, although the start fails before that is on disk', async () => {
    let isFailing = false;
    const { folder, open, asideNames } = await setUp((operation) => {
      if (isFailing && operation === 'syncDirectory') throw fileError('EIO', 'fsync', '/aside');
    });
    await writeFile(join(folder, 'bad.record'), 'half a rec');
    const alarms: RecordAlarm[] = [];
    const store = await open((alarm) => alarms.push(alarm));
    isFailing = true;
    await expect(store.loadAll().next()).rejects.toMatchObject({ code: 'EIO' });
    const [kept = ''] = await asideNames();
    expect(alarms).toMatchObject([{ kind: 'record-set-aside', key: 'bad' }]);
    expect(alarms).toMatchObject([{ keptAt: join(folder, '..', 'aside', kept) }]);
  });

  it('notices any single flipped byte', async () => {
    const { folder, store, reopen } = await setUp();
    await store.write('bad', { name: 'ä and more' });
    const path = join(folder, 'bad.record');
    const intact = await readFile(path);
    for (let at = 0; at < intact.length; at += 1) {
      const flipped = Buffer.from(intact);
      flipped[at] = (intact[at] ?? 0) ^ 1;
      await writeFile(path, flipped);
      expect((await reopen()).records, `byte ${at}`).toEqual({});
    }
  });

  it('touches no record when the disk as a whole cannot be read', async () => {
    const { store, folder, reopen } = await setUp((operation) => {
      if (operation === 'read') throw Object.assign(new Error('denied'), { code: 'EACCES' });
    });
    await store.write('one', { name: 'x' });
    await expect(reopen()).rejects.toMatchObject({ code: 'EACCES' });
    expect(await readdir(folder)).toEqual(['one.record']);
  });

  it('removes what interrupted writes left', async () => {
    const { folder, reopen } = await setUp();
    await writeFile(join(folder, 'one.tmp'), 'half');
    await reopen();
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses bodies that are too large and keys that are not plain names', async () => {
    const { store } = await setUp();
    const large = { name: 'x'.repeat(RECORD_BYTES) };
    await expect(store.write('one', large)).rejects.toMatchObject({ code: 'record-not-written' });
    for (const key of ['', '../x', 'a/b', '.hidden', 'a\n']) {
      await expect(store.write(key, { name: 'x' })).rejects.toMatchObject({ code: 'internal' });
    }
  });
});

async function setUp(before: Parameters<typeof interceptFiles>[1] = () => undefined) {
  const root = await temporaryFolder();
  const folder = join(root, 'records');
  const setAside = join(root, 'aside');
  const files: Files = new RealFiles();
  await files.makeDirectory(folder);
  await files.makeDirectory(setAside);
  const world = { files: interceptFiles(files, before), clock: new RealClock() };
  const open = (onAlarm: (alarm: RecordAlarm) => void) =>
    RecordStore.open(world, { folder, setAside, schema, onAlarm });
  const store = await open(() => undefined);
  const reopen = async () => {
    const alarms: RecordAlarm[] = [];
    const records: Record<string, string> = {};
    const opened = await open((alarm) => alarms.push(alarm));
    for await (const { key, body } of opened.loadAll()) records[key] = body.name;
    return { records, alarms };
  };
  return { folder, store, open, reopen, asideNames: () => readdir(setAside) };
}
