import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { instance, never, owner, Place } from './support.js';

const FILE_BYTES = 1_000;
let place: Place;

beforeEach(async () => {
  place = await Place.make({ owner, logFileBytes: FILE_BYTES, logFilesKept: 3 });
});

afterEach(() => place.clear());

describe('the log', () => {
  test('holds output and errors in order', async () => {
    await place.start('echo one; echo two >&2; echo three >/dev/stdout; echo four >/dev/stderr');
    await place.runtime.ended(instance, never);
    expect(await place.log()).toBe('one\ntwo\nthree\nfour\n');
  });

  test('is empty before anything ran', async () => {
    expect(await place.log()).toBe('');
  });

  test.each([
    [0, ''],
    [1, 'three'],
    [2, 'two\nthree'],
    [9, 'one\ntwo\nthree'],
  ])('its last %i lines', async (tailLines, text) => {
    await place.start("printf 'one\\ntwo\\nthree'");
    await place.runtime.ended(instance, never);
    expect(await place.log({ tailLines })).toBe(text);
  });

  test('is followed until the command is over, by one who began before there was any', async () => {
    let isOver = false;
    const early = place.log({ follow: true, isOver: () => isOver });
    await place.start('echo one; while [ ! -e go ]; do sleep 0.01; done; echo two');
    await writeFile(join(place.content, 'go'), '');
    await place.runtime.ended(instance, never);
    isOver = true;
    expect(await early).toBe('one\ntwo\n');
  });

  test('shows at once what was written, however little', async () => {
    await place.start('printf x; exec sleep 1000');
    await expect.poll(() => place.log()).toBe('x');
  });

  test('goes on from any byte', async () => {
    await place.start(`printf '%01500d' 0; printf abc`);
    await place.runtime.ended(instance, never);
    expect(await place.pieces({ offset: 1_499 })).toEqual([{ offset: 1_499, data: Buffer.from('0abc') }]);
    expect(await place.log({ offset: 1_502 })).toBe('c');
    expect(await place.log({ offset: 9_999 })).toBe('');
  });

  test('is taken up where it was left by a runtime that was not there', async () => {
    await place.start('echo one; while [ ! -e go ]; do sleep 0.01; done; echo two');
    await expect.poll(() => place.log()).toBe('one\n');
    const later = place.another();
    await writeFile(join(place.content, 'go'), '');
    await later.ended(instance, never);
    expect(await place.log({ offset: 4 })).toBe('two\n');
  });
});

describe('a command that fills its log', () => {
  const lines = (count: number) =>
    Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('');

  test('keeps the newest of it within its bound, and says from which byte on', async () => {
    await place.start('i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i"; done');
    await place.runtime.ended(instance, never);
    const whole = lines(2_000);
    const [first] = await place.pieces();
    expect(await place.log()).toBe(whole.slice(first?.offset));
    expect((first?.offset ?? 0) % FILE_BYTES).toBe(0);
    expect(whole.length - (first?.offset ?? 0)).toBeGreaterThan(2 * FILE_BYTES);
    expect(whole.length - (first?.offset ?? 0)).toBeLessThanOrEqual(3 * FILE_BYTES);
  });

  test('is read across its files, the last lines too', async () => {
    await place.start('i=0; while [ $i -lt 250 ]; do i=$((i+1)); echo "line $i"; done');
    await place.runtime.ended(instance, never);
    expect(await place.log()).toBe(lines(250));
    expect(await place.log({ tailLines: 200 })).toBe(lines(250).slice(lines(50).length));
  });

  test('is not slowed down by one who reads slowly, who sees what was skipped', async () => {
    await place.start('echo begin; while [ ! -e go ]; do sleep 0.01; done; yes | head -c 50000; echo end');
    let isOver = false;
    const reading = place.runtime
      .logs(instance, { follow: true, offset: 0, tailLines: undefined, isOver: () => isOver, signal: never })
      [Symbol.asyncIterator]();
    const first = await reading.next();
    expect(first.value).toEqual({ offset: 0, data: Buffer.from('begin\n') });
    await writeFile(join(place.content, 'go'), '');
    await place.runtime.ended(instance, never);
    isOver = true;
    const second = await reading.next();
    expect(second.done === true ? 0 : second.value.offset).toBeGreaterThan(40_000);
    let text = '';
    for (let next = second; next.done !== true; next = await reading.next()) {
      text += Buffer.from(next.value.data).toString();
    }
    expect(text.endsWith('y\nend\n')).toBe(true);
    expect(text.length).toBeLessThanOrEqual(3 * FILE_BYTES);
  });
});
