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

/** Members as texts: what a JSON patch says, the version it is for, and a text. */
function change(
  members: readonly { id: string; patch: string; expected?: string; label?: string; removed?: string }[],
) {
  const { dialect } = database;
  const update: BulkUpdate = {
    table: 'things',
    key: 'id',
    fields: { patch: 'json', expected: 'text', label: 'text', removed: 'text' },
    set: {
      status: dialect.mergeJson('things.status', 'patch', { field: 'removed', paths: REMOVABLE }),
      label: `coalesce(${dialect.field('label')}, things.label)`,
    },
    where: [
      `(${dialect.field('expected')} is null or ${dialect.orderedInteger(dialect.jsonInteger('things.status', '$.version'))} = ${dialect.orderedInteger(dialect.field('expected'))})`,
    ],
  };
  const texts = members.map(({ id, patch, ...rest }) => ({
    key: id,
    json: `{"id":${JSON.stringify(id)},"patch":${patch},${JSON.stringify(rest).slice(1)}`.replace(/,}$/, '}'),
  }));
  return database.write((transaction) => dialect.updateRows(transaction, update, texts));
}

/** Of what the properties below make. */
const REMOVABLE = ['$.a', '$.conditions.a', '$.conditions.b'];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** RFC 7396, section 2. */
function merged(target: Json | undefined, patch: Json): Json {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result: { [key: string]: Json } = isObject ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/** The patch that removes one member, where it is. */
function patchAway([key = '', ...rest]: readonly string[], from: Json): Json {
  if (typeof from !== 'object' || from === null || Array.isArray(from)) return {};
  const inner = from[key];
  if (inner === undefined) return {};
  if (rest.length === 0) return { [key]: null };
  const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
  return isObject ? { [key]: patchAway(rest, inner) } : {};
}

const key = fc.constantFrom('a', 'b', 'é "quoted" \\ $', 'conditions');
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ maxLength: 8, unit: 'grapheme' }),
    fc.integer(),
    fc.boolean(),
    fc.array(tie('json'), { maxLength: 2 }),
    fc.dictionary(key, tie('json'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const removals = fc.subarray(REMOVABLE);
/** What others write may hold nulls, too. */
const withNulls = fc.dictionary(key, fc.oneof(json, fc.constant(null)), {
  maxKeys: 4,
  noNullPrototype: true,
});
const object = fc.dictionary(key, json, { maxKeys: 4, noNullPrototype: true });

describe('a bulk update', () => {
  it('merges as RFC 7396 says and removes what is named, whatever is in the objects', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(withNulls, object, removals, async (stored, patch, paths) => {
        count += 1;
        const id = `i-${count}`;
        await insert({ id, status: JSON.stringify(stored) });
        const removed = paths.length === 0 ? {} : { removed: paths.join(',') };
        expect([...(await change([{ id, patch: JSON.stringify(patch), ...removed }]))]).toEqual([id]);
        const expected = paths.reduce(
          (result, path) => merged(result, patchAway(path.split('.').slice(1), result)),
          merged(stored, patch),
        );
        expect(JSON.parse((await statuses())[id] ?? '')).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it.each(['9007199254740993', '9223372036854775808', '18446744073709551615'])(
    'keeps all digits of %s, stored, merged and compared',
    async (version) => {
      const before = String(BigInt(version) - 1n);
      await insert({ id: 'i', status: `{"version":${before},"theirs":${version}}` });
      const [other, right] = [String(BigInt(version) - 2n), before];
      const patch = `{"version":${version}}`;
      expect([...(await change([{ id: 'i', patch, expected: other }]))]).toEqual([]);
      expect([...(await change([{ id: 'i', patch, expected: right }]))]).toEqual(['i']);
      const text = (await statuses())['i']?.replaceAll(' ', '');
      expect(text).toBe(`{"version":${version},"theirs":${version}}`);
    },
  );

  it('names the rows it changed and no others: vanished ones and those somebody has changed are left alone', async () => {
    const ids = Array.from({ length: 60 }, (_, index) => `i-${index}`);
    const there = ids.filter((_, index) => index % 3 !== 0);
    await insert(...there.map((id, index) => ({ id, status: `{"version":${index % 2}}` })));
    const changed = await change(ids.map((id) => ({ id, patch: '{"x":true}', expected: '1' })));
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
      patch: '{"x":1}',
      label: id === 'j' ? 'y'.repeat(1_500) : '',
    }));
    await expect(change(members)).rejects.toMatchObject({ code: 'internal' });
    expect(await statuses()).toEqual({ i: '{}', j: '{}' });
  });
});
