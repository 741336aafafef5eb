import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RowChange, StoredRow } from '../../../src/bridge/pipeline/decide.js';
import { readRows, writeChanges } from '../../../src/bridge/pipeline/instance-rows.js';
import type { Database } from '../../../src/database/database.js';
import { emptyTables, openMigrated } from '../support/pipeline-harness.js';

let database: Database;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(() => emptyTables(database));

async function insert(instance: string, status: object, columns: object = {}): Promise<void> {
  const row = {
    id: instance,
    workspaceId: 'w',
    region: 'r',
    creationTime: '',
    ideUrl: '',
    phasePersisted: '',
  };
  await database.write((transaction) =>
    transaction('d_b_workspace_instance').insert({ ...row, status: JSON.stringify(status), ...columns }),
  );
}

async function set(id: string, status: object, rest: object = {}): Promise<void> {
  const columns = { status: JSON.stringify(status), ...rest };
  await database.write((transaction) => transaction('d_b_workspace_instance').where({ id }).update(columns));
}

/** What is there now, but `id` as it was. */
async function withOld(
  id: string,
  old: ReadonlyMap<string, StoredRow>,
): Promise<ReadonlyMap<string, StoredRow>> {
  const before = old.get(id);
  const now = await read(...old.keys());
  return before === undefined ? now : new Map([...now, [id, before]]);
}

function change(instance: string, rest: Partial<RowChange>): RowChange {
  return {
    instance,
    version: 2n,
    phase: undefined,
    patch: {},
    ideUrl: undefined,
    startedTime: undefined,
    deployedTime: undefined,
    stoppingTime: undefined,
    stoppedTime: undefined,
    metrics: undefined,
    differs: true,
    stops: false,
    ...rest,
  };
}

const read = (...instances: string[]) => database.read((connection) => readRows(connection, instances));

/** Each as decided upon `rows`. */
const writeUpon = (rows: ReadonlyMap<string, StoredRow>, ...changes: RowChange[]) =>
  database.write((transaction) => {
    const decided = changes.flatMap((change) => {
      const before = rows.get(change.instance);
      return before === undefined ? [] : [{ before, change }];
    });
    return writeChanges(transaction, database.dialect, decided);
  });

const write = async (...changes: RowChange[]) =>
  writeUpon(await read(...changes.map(({ instance }) => instance)), ...changes);

describe('the conditions in the SQL of a write', () => {
  it.each([1, 5])(
    'let nothing through that has changed since, or has vanished (%i more rows)',
    async (more) => {
      const others = Array.from({ length: more - 1 }, (_, index) => `other-${index}`);
      const ids = ['version', 'phase', 'theirs', 'region', 'gone'];
      for (const id of [...ids, ...others]) await insert(id, { version: 6, phase: 'running' });
      const rows = await read(...ids, ...others);
      await set('version', { version: 7, phase: 'running' });
      await set('phase', { version: 6, phase: 'stopped' });
      await set('theirs', { version: 6, phase: 'running', theirs: true });
      await set('region', { version: 6, phase: 'running' }, { region: 'R' });
      await database.write((transaction) =>
        transaction('d_b_workspace_instance').where({ id: 'gone' }).delete(),
      );
      for (const id of ids) {
        const changes = [id, ...others].map((each) => change(each, { version: 8n }));
        expect([...(await writeUpon(await withOld(id, rows), ...changes))]).toEqual(others);
      }
      const now = [...(await read(...ids)).values()].map((row) => [row.instance, row.version, row.phase]);
      expect(now.sort()).toEqual([
        ['phase', 6n, 'stopped'],
        ['region', 6n, 'running'],
        ['theirs', 6n, 'running'],
        ['version', 7n, 'running'],
      ]);
    },
  );

  it('change no digit of what others wrote beside, and keep all of the version', async () => {
    const text =
      '{ "theirs": [1.0, 12345678901234567890], "version": 18446744073709551614, "conditions": {"x": 1e2} }';
    await insert('i', {}, { status: text });
    await write(
      change('i', {
        version: 18446744073709551615n,
        patch: { message: 'm', conditions: { deployed: true } },
      }),
    );
    const row = (await read('i')).get('i');
    expect(row?.version).toBe(18446744073709551615n);
    expect(row?.statusText).toBe(
      '{"theirs":[1.0, 12345678901234567890],"version":18446744073709551615,"conditions":{"x":1e2,"deployed":true},"message":"m"}',
    );
  });

  it('leave times that are set, and columns that are not named', async () => {
    await insert('i', { version: 1, phase: 'running' }, { startedTime: 'first', ideUrl: 'url' });
    await write(change('i', { startedTime: 'second', stoppingTime: 'third' }));
    const row = await database.read((connection) => connection('d_b_workspace_instance').first());
    expect(row).toMatchObject({
      startedTime: 'first',
      stoppingTime: 'third',
      stoppedTime: '',
      ideUrl: 'url',
    });
  });

  it('survive quotes, dollars and unicode in values', async () => {
    const id = 'i';
    await insert(id, { version: 1, phase: 'running' });
    const message = `'; drop table d_b_workspace; -- "$.version" \\u0000 é 🦊`;
    await write(change(id, { patch: { message } }));
    expect((await read(id)).get(id)?.status['message']).toBe(message);
  });

  it.each(['x', null, 1.5, {}, undefined])(
    'take a version that others wrote as %j for none',
    async (version) => {
      await insert('i', { version, phase: 'somewhere' });
      expect((await read('i')).get('i')).toMatchObject({ version: 0n, phase: 'unknown' });
      const changed = await write(change('i', { phase: 'running', patch: { phase: 'running' } }));
      expect([...changed]).toEqual(['i']);
    },
  );
});
