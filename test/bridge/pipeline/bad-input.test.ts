import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acceptStatus } from '../../../src/bridge/pipeline/accept.js';
import type { Database } from '../../../src/database/database.js';
import { type WorkspaceConditionBool, WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { insertInstance } from '../support/instances.js';
import { emptyTables, openMigrated, PipelineHarness, versionIn } from '../support/pipeline-harness.js';
import { statusOf } from '../support/statuses.js';

const LARGEST = 2n ** 64n - 1n;
const MEGABYTE = 1_000_000;

let database: Database;
let harness: PipelineHarness;
beforeAll(async () => {
  database = await openMigrated();
});
afterAll(() => database.close());
beforeEach(async () => {
  await emptyTables(database);
  harness = await PipelineHarness.start(database, undefined, { adoptUnknownInstances: false });
  for (const id of ['good', 'bad'])
    await insertInstance(database, { id, region: 'local', phase: 'preparing' });
});

/** A bad status between good ones; what is good about them is written, whatever becomes of it. */
async function tell(bad: WorkspaceStatus): Promise<void> {
  harness.send(statusOf({ id: 'good', version: 1n, phase: 'pending' }));
  harness.send(bad);
  harness.send(statusOf({ id: 'good', version: 2n, phase: 'running' }));
  await harness.settle();
  expect((await harness.row('good')).phase).toBe('running');
}

const plain = statusOf({ id: 'bad', version: 7n, phase: 'running' });
/** From numbers that no enum has. */
const future = (number: number) => number as never;

describe('a status without what every status has', () => {
  it.each([
    ['id', { ...plain, id: '' }, 'the id is empty'],
    ['an id that could be one', { ...plain, id: '../bad' }, 'the id may hold only letters'],
    ['spec', { ...plain, spec: undefined }, 'spec, metadata or conditions are missing'],
    ['metadata', { ...plain, metadata: undefined }, 'spec, metadata or conditions are missing'],
    ['conditions', { ...plain, conditions: undefined }, 'spec, metadata or conditions are missing'],
  ])('is refused: %s', async (_, status, reason) => {
    expect(acceptStatus('local', status, 0)).toEqual({ refused: expect.stringContaining(reason) });
    const before = await harness.row('bad');
    await tell(status);
    expect(await harness.row('bad')).toEqual(before);
    expect(await harness.rows()).toHaveLength(2);
  });
});

describe('numbers of the future', () => {
  it('in the phase leave the row its phase, and everything else is written', async () => {
    await tell({ ...plain, phase: future(99), message: 'from the future' });
    const row = await harness.row('bad');
    expect([row.phase, row.phasePersisted, versionIn(row)]).toEqual(['preparing', 'preparing', 7n]);
    expect(JSON.parse(row.status).message).toBe('from the future');
  });

  it('in the type are refused', async () => {
    const status = WorkspaceStatus.fromPartial({ ...plain, spec: { ...plain.spec, type: future(99) } });
    expect(acceptStatus('local', status, 0)).toEqual({ refused: 'the type 99 is unknown' });
    await tell(status);
    expect((await harness.row('bad')).phase).toBe('preparing');
  });

  it('in conditions and ports say nothing', async () => {
    const status = WorkspaceStatus.fromPartial({
      ...plain,
      conditions: { deployed: future(99), stoppedByRequest: future(-1) as WorkspaceConditionBool },
      spec: {
        ...plain.spec,
        exposedPorts: [{ port: 4_000_000_000, visibility: future(99), protocol: future(99), url: 'u' }],
      },
    });
    await tell(status);
    const row = await harness.row('bad');
    const { conditions, exposedPorts } = JSON.parse(row.status);
    expect(conditions).toEqual({ failed: '', timeout: '', headlessTaskFailed: '', pullingImages: false });
    expect(exposedPorts).toEqual([{ port: 4_000_000_000, protocol: 'http', url: 'u' }]);
    expect([row.phase, row.deployedTime]).toEqual(['running', '']);
  });

  it('in times are none', async () => {
    const beyond = { ...plain.conditions, firstUserActivity: new Date(Number.NaN) };
    await tell(WorkspaceStatus.fromPartial({ ...plain, conditions: beyond }));
    const row = await harness.row('bad');
    expect([row.phase, JSON.parse(row.status).conditions.firstUserActivity]).toEqual(['running', undefined]);
  });
});

describe('versions', () => {
  it('that fall change nothing, and are counted', async () => {
    await tell(plain);
    const before = await harness.row('bad');
    for (const version of [6n, 1n, 0n]) {
      await tell(statusOf({ id: 'bad', version, phase: 'stopped', message: 'fallen' }));
    }
    expect(await harness.row('bad')).toEqual(before);
    expect(
      harness.outcomes.filter(({ kind, instance }) => kind === 'stale' && instance === 'bad'),
    ).toHaveLength(3);
  });

  it.each([2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, LARGEST - 1n])(
    'of 64 bits are told apart by one: %i',
    async (version) => {
      await tell(statusOf({ id: 'bad', version, phase: 'pending' }));
      await tell(statusOf({ id: 'bad', version: version + 1n, phase: 'running' }));
      expect(versionIn(await harness.row('bad'))).toBe(version + 1n);
      await tell(statusOf({ id: 'bad', version, phase: 'stopped' }));
      const row = await harness.row('bad');
      expect([row.phase, versionIn(row)]).toEqual(['running', version + 1n]);
    },
  );
});

describe('texts', () => {
  it.each([
    ['message', (message: string) => ({ ...plain, message })],
    ['failed', (failed: string) => ({ ...plain, conditions: { ...plain.conditions, failed } })],
  ])('of 10 MB are cut, and the rest is written: %s', async (_, statusWith) => {
    const text = 'x"\\\u{1f980}\n'.repeat((10 * MEGABYTE) / 6);
    await tell(WorkspaceStatus.fromPartial(statusWith(text)));
    const row = await harness.row('bad');
    const { message, conditions } = JSON.parse(row.status);
    const kept = `${message}${conditions.failed}`;
    expect([row.phase, kept.length, kept.endsWith(' ...')]).toEqual(['running', 65_539, true]);
    // The character that would have been cut in half is left out.
    expect(text.startsWith(kept.slice(0, -4))).toBe(true);
  });

  it('of 10 MB where something is named are left out, and the rest is written', async () => {
    const name = 'n'.repeat(10 * MEGABYTE);
    const exposedPorts = Array.from({ length: 100_000 }, (_, port) => ({
      port,
      url: port === 1 ? name : 'u',
    }));
    const { conditions, spec, metadata } = plain;
    const runtime = { nodeName: name, podName: 'pod', nodeIp: name };
    await tell(
      WorkspaceStatus.fromPartial({
        ...{ ...plain, runtime, conditions },
        metadata: { ...metadata, annotations: { [name]: name } },
        spec: { ...spec, exposedPorts, timeout: name, workspaceImage: name },
        auth: { ownerToken: name },
      }),
    );
    const row = await harness.row('bad');
    const { podName, nodeName, ownerToken, exposedPorts: ports } = JSON.parse(row.status);
    expect([row.phase, podName, nodeName, ownerToken]).toEqual(['running', 'pod', undefined, undefined]);
    expect([ports.length, ports[1].url, ports[2].url]).toEqual([1_000, '', 'u']);
  });

  it('that are no UTF-8 come as texts with a mark where they are broken', async () => {
    const marked = WorkspaceStatus.encode({ ...plain, message: 'a????b' }).finish();
    const at = Buffer.from(marked).indexOf('????');
    Buffer.from([0xff, 0xc0, 0x80, 0xed]).copy(marked, at);
    await tell(WorkspaceStatus.decode(marked));
    expect(JSON.parse((await harness.row('bad')).status).message).toMatch(/^a\ufffd+b$/);
  });

  it('with quotes, zeros and line breaks stay as they are', async () => {
    const message = `'; drop table d_b_workspace; -- "\\" \u0000 \u2028 \u{10ffff}\r\n\${x} ? :a`;
    await tell({ ...plain, message });
    expect(JSON.parse((await harness.row('bad')).status).message).toBe(message);
  });

  it('too long for their column are left out, and the rest is written', async () => {
    const url = `https://${'a'.repeat(300)}.example`;
    await tell(WorkspaceStatus.fromPartial({ ...plain, spec: { ...plain.spec, url } }));
    const row = await harness.row('bad');
    expect([row.phase, row.ideUrl]).toEqual(['running', '']);
  });
});

describe('rows that other programs left odd', () => {
  it.each([
    ['a status that is no object', '[1]'],
    ['a status that is null', 'null'],
    ['a version that is a text', '{"version":"9","phase":"pending"}'],
    ['a version that is too large', `{"version":${LARGEST}0,"phase":"pending"}`],
    ['a phase nobody knows', '{"version":1,"phase":"dreaming"}'],
  ])('hold up nobody else: %s', async (_, status) => {
    await database.write((transaction) =>
      transaction('d_b_workspace_instance').where({ id: 'bad' }).update({ status }),
    );
    await tell(plain);
  });

  it('replace metrics that are no object, and write the rest', async () => {
    await database.write((transaction) =>
      transaction('d_b_workspace_instance_metrics').insert({ instanceId: 'bad', metrics: '[1]' }),
    );
    const image = { totalSize: 7n, workspaceImageSize: 5n };
    const metadata = { ...plain.metadata, metrics: { image } };
    await tell(WorkspaceStatus.fromPartial({ ...plain, metadata }));
    const rows: { metrics: string }[] = await database.read((connection) =>
      connection('d_b_workspace_instance_metrics').select('metrics'),
    );
    expect(rows.map(({ metrics }) => JSON.parse(metrics))).toEqual([
      { image: { totalSize: 7, workspaceImageSize: 5 } },
    ]);
    expect((await harness.row('bad')).phase).toBe('running');
  });
});

describe('ids that are not in the database', () => {
  it('change nothing, and are counted', async () => {
    await tell(statusOf({ id: 'stranger', version: 1n, phase: 'running' }));
    expect((await harness.rows()).map(({ id }) => id)).toEqual(['bad', 'good']);
    expect(harness.outcomes.map(({ kind }) => kind)).toContain('unknown-instance');
  });
});
