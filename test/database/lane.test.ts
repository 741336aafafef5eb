import { expect, it } from 'vitest';
import { type Database, openSqlite } from '../../src/database/database.js';
import { laneOf } from '../../src/database/lane.js';
import { gate } from '../support/intercepted-files.js';

/** A database with as many connections as anybody wants, which answers when it is let. */
function heldDatabase() {
  const held = gate();
  let most = 0;
  let under = 0;
  const used = async <Result>(result: Promise<Result>) => {
    under += 1;
    most = Math.max(most, under);
    await held.passed;
    under -= 1;
    return result;
  };
  const sqlite = openSqlite(':memory:');
  const database: Database = {
    ...sqlite,
    read: (work) => used(sqlite.read(work)),
    write: (work) => used(sqlite.write(work)),
  };
  return { database, release: () => held.open(), most: () => most };
}

it('takes no more connections than it may, in turn, and refuses what is beyond its bound', async () => {
  const { database, release, most } = heldDatabase();
  const lane = laneOf(database, { of: 'what callers ask', concurrency: 2, waitingMax: 3 });
  const asked = Array.from({ length: 6 }, (_, index) =>
    (index % 2 === 0 ? lane.read : lane.write)(async () => index),
  );
  await expect(asked[5]).rejects.toMatchObject({
    code: 'overloaded',
    message: expect.stringContaining('what callers ask'),
  });
  release();
  expect(await Promise.all(asked.slice(0, 5))).toEqual([0, 1, 2, 3, 4]);
  expect(most()).toBe(2);
  await expect(lane.read(async () => Promise.reject(new Error('its own')))).rejects.toThrow();
  expect(await lane.read(async () => 'the next one')).toBe('the next one');
  await database.close();
});
