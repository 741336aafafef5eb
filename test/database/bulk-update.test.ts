import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../src/database/database.js';
import type { BulkUpdate } from '../../src/database/dialect.js';
import { isOnMysql, openTestDatabase } from '../support/test-database.js';

let database: Database;
beforeAll(async () => {
  database = await openTestDatabase();
  await database.write((transaction) =>
    transaction.raw(
      `create table things (id char(36) not null primary key, status ${database.dialect.columns.json} not null, label varchar(255) not null)`,
    ),
  );
});
afterAll(() => database.close());
beforeEach(() => database.write((transaction) => transaction('things').delete()));

async function insert(...rows: { id: string; status: string }[]): Promise<void> {
  await database.write((transaction) =>
    transaction('things').insert(rows.map((row) => ({ ...row, label: '' }))),
  );
}

async function statuses(): Promise<Record<string, string>> {
  const rows: { id: string; status: string }[] = await database.read((connection) =>
    connection('things').orderBy('id').select('id', 'status'),
  );
  return Object.fromEntries(rows.map(({ id, status }) => [id, status]));
}

interface Change {
  readonly id: string;
  readonly status?: string;
  /** The version it is for. */
  readonly expected?: string;
  readonly label?: string;
}

function change(changes: readonly Change[]) {
  const { dialect } = database;
  const version = dialect.orderedInteger(dialect.jsonInteger('things.status', '$.version'));
  const update: BulkUpdate = {
    table: 'things',
    key: 'id',
    fields: ['status', 'expected', 'label'],
    set: {
      status: `coalesce(${dialect.field('status')}, things.status)`,
      label: `coalesce(${dialect.field('label')}, things.label)`,
    },
    where: [
      `(${dialect.field('expected')} is null or ${version} = ${dialect.orderedInteger(dialect.field('expected'))})`,
    ],
  };
  const members = changes.map(({ id, status, expected, label }) => ({
    key: id,
    values: [status, expected, label],
  }));
  return database.write((transaction) => dialect.updateRows(transaction, update, members));
}

/** Alone, and with others: that is not the same statement everywhere. */
const companies = [[], [{ id: 'other', status: '{}' }]];

describe('a bulk update', () => {
  it('writes any text as it is', async () => {
    let count = 0;
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc
        .array(
          fc.constantFrom("'", '"', '\\', '\\\\', '?', '??', ':x', '$1', '`', '\0', '\n', '--', '%', 'é'),
        )
        .map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom(...companies), async (label, company) => {
        count += 1;
        const id = `i-${count}`;
        await insert({ id, status: '{}' });
        // SQLite ends a text there.
        if (!isOnMysql() && label.includes('\0')) return;
        const status = JSON.stringify({ label });
        await change([{ id, label, status }, ...company]);
        const row = await database.read((connection) => connection('things').where({ id }).first());
        // Half a character is none, in any text but that of JSON.
        expect(row).toEqual({ id, status, label: Buffer.from(label).toString() });
      }),
      { numRuns: 200 },
    );
  });

  it.each(companies)('changes nothing that is not said, or is not there', async (...company) => {
    await insert({ id: 'i', status: '{"version":1}' });
    expect([...(await change([{ id: 'i' }, ...company]))]).toEqual(['i']);
    expect([...(await change([{ id: 'gone', status: '{}' }, ...company]))]).toEqual([]);
    expect(await statuses()).toEqual({ i: '{"version":1}' });
  });

  it.each(['9007199254740993', '9223372036854775808', '18446744073709551615'])(
    'keeps all digits of %s, stored and compared',
    async (version) => {
      const before = String(BigInt(version) - 1n);
      await insert({ id: 'i', status: `{"version":${before}}` });
      const [other, right] = [String(BigInt(version) - 2n), before];
      const status = `{"version":${version}}`;
      expect([...(await change([{ id: 'i', status, expected: other }]))]).toEqual([]);
      expect([...(await change([{ id: 'i', status, expected: right }]))]).toEqual(['i']);
      expect((await statuses())['i']?.replaceAll(' ', '')).toBe(status);
    },
  );

  it('names the rows it changed and no others: vanished ones and those somebody has changed are left alone', async () => {
    const ids = Array.from({ length: 60 }, (_, index) => `i-${index}`);
    const there = ids.filter((_, index) => index % 3 !== 0);
    await insert(...there.map((id, index) => ({ id, status: `{"version":${index % 2}}` })));
    const changed = await change(ids.map((id) => ({ id, status: '{"x":true}', expected: '1' })));
    const expected = there.filter((_, index) => index % 2 === 1);
    expect([...changed].sort()).toEqual([...expected].sort());
    const touched = Object.entries(await statuses()).filter(([, status]) => status.includes('x'));
    expect(touched.map(([id]) => id).sort()).toEqual([...expected].sort());
  });

  it('fails whole, and says so, when a text is longer than its column, and changes nothing', async () => {
    if (!isOnMysql()) return;
    await insert({ id: 'i', status: '{}' }, { id: 'j', status: '{}' });
    const members = ['i', 'j'].map((id) => ({
      id,
      status: '{"x":1}',
      label: id === 'j' ? 'y'.repeat(1_500) : '',
    }));
    await expect(change(members)).rejects.toMatchObject({ code: 'internal' });
    expect(await statuses()).toEqual({ i: '{}', j: '{}' });
  });
});
