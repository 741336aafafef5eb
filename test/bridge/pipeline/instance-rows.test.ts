import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rowPhases } from '../../../machines/phase-relation.js';
import type { RowChange } from '../../../src/bridge/pipeline/decide.js';
import { readRows, writeChanges } from '../../../src/bridge/pipeline/instance-rows.js';
import type { Database } from '../../../src/database/database.js';
import { tableAllows } from '../support/phase-table.js';
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

function change(instance: string, rest: Partial<RowChange>): RowChange {
  return {
    instance,
    expectedVersion: 1n,
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

const write = (...changes: RowChange[]) =>
  database.write((transaction) => writeChanges(transaction, database.dialect, changes));

describe('the conditions in the SQL of a write', () => {
  it('are the phase relation, whoever decided before', async () => {
    const pairs = rowPhases.flatMap((from) => rowPhases.map((to) => ({ from, to, id: `${from}-${to}` })));
    for (const { id, from } of pairs) await insert(id, { version: 1, phase: from });
    const changed = await write(
      ...pairs.map(({ id, to }) => change(id, { phase: to, patch: { phase: to } })),
    );
    const allowed = pairs.filter(({ from, to }) => tableAllows(from, to)).map(({ id }) => id);
    expect([...changed].sort()).toEqual(allowed.sort());
  });

  it('let nothing through when the version has changed since, or the row has vanished', async () => {
    await insert('i', { version: 7, phase: 'running' });
    const changed = await write(change('i', { expectedVersion: 6n, version: 8n }), change('gone', {}));
    expect([...changed]).toEqual([]);
    const rows = await database.read((connection) => readRows(connection, database.dialect, ['i', 'gone']));
    expect([...rows.values()].map((row) => row.version)).toEqual([7n]);
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
    const rows = await database.read((connection) => readRows(connection, database.dialect, [id]));
    expect(rows.get(id)?.status['message']).toBe(message);
  });

  it.each(['x', null, 1.5, {}, undefined])(
    'take a version that others wrote as %j for none',
    async (version) => {
      await insert('i', { version, phase: 'somewhere' });
      const rows = await database.read((connection) => readRows(connection, database.dialect, ['i']));
      expect(rows.get('i')).toMatchObject({ version: 0n, phase: 'unknown' });
      const changed = await write(
        change('i', { expectedVersion: 0n, phase: 'running', patch: { phase: 'running' } }),
      );
      expect([...changed]).toEqual(['i']);
    },
  );
});
