import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { ContentFeed } from '../../../src/bridge/contents/content-feed.js';
import { pruneOnce } from '../../../src/bridge/contents/content-pruning.js';
import { readCursors } from '../../../src/bridge/contents/content-rows.js';
import { listContentStates } from '../../../src/bridge/rpc/list-content-states.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { ListContentStatesRequest } from '../../../src/gen/steward/v1/bridge.js';
import { WorkspaceContentState } from '../../../src/gen/ws-daemon-api/daemon.js';
import { FakeContents } from '../support/fake-contents.js';
import { insertInstance } from '../support/instances.js';
import { ManualClock, steadyRandom } from '../support/manual-clock.js';
import { databaseWithWriting } from '../support/registry-rig.js';

const STALL_MS = 600_000;
const patience = { timeout: 4_000, interval: 5 };

async function setUp(clock = realWorld().clock) {
  const { database, writing, refuse } = await databaseWithWriting();
  const contents = new FakeContents();
  const failures: string[] = [];
  const feed = new ContentFeed({
    ...{ cluster: 'eu', client: contents, database, writing, clock },
    ...{ random: steadyRandom, stallMs: STALL_MS },
    onFailed: (error) => failures.push(error.code),
  });
  const start = () => {
    const ending = new AbortController();
    const done = feed.run(ending.signal);
    const stop = async () => {
      ending.abort();
      await done;
    };
    onTestFinished(stop);
    return stop;
  };
  const rows = async () => {
    const { contentStates } = await listContentStates(database, ListContentStatesRequest.fromPartial({}));
    return contentStates;
  };
  const steps = async () =>
    Object.fromEntries((await rows()).map((row) => [`${row.instanceId} ${row.actor}`, row.step]));
  const cursors = async () => {
    const places = await database.read((connection) => readCursors(connection, 'eu'));
    return Object.fromEntries([...places].map(([node, { sequence }]) => [node, sequence]));
  };
  return { database, writing, refuse, contents, failures, start, rows, steps, cursors };
}

describe('what the actors of a cluster do', () => {
  it('stands in the table, with its step, cause and since when', async () => {
    const { database, contents, start, rows } = await setUp();
    await insertInstance(database, { id: 'i-1', region: 'eu', phase: 'running', owner: 'ada' });
    start();
    contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to: 'settingUp.initializing' });
    contents.step({ node: 'n1', instance: 'i-1', actor: 'mount:proc', to: 'mounted' });
    contents.step({ node: 'manager', instance: 'i-1', actor: 'instance', to: 'running' });
    contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to: 'available.working' });
    contents.step({ node: 'manager', instance: 'i-1', actor: 'person', to: 'park' });
    const of = { instanceId: 'i-1', workspaceId: 'ws-i-1', owner: 'ada', region: 'eu' };
    const available = WorkspaceContentState.AVAILABLE;
    await vi.waitFor(
      async () =>
        expect(await rows()).toEqual([
          {
            ...{ ...of, node: 'n1', actor: 'content', state: available, step: 'available.working' },
            ...{ cause: 'to-available.working', detail: '', sequence: 3n },
            atMs: BigInt(Date.UTC(2026, 0, 1) + 4_000),
          },
          expect.objectContaining({ ...of, node: 'manager', actor: 'instance', step: 'running' }),
          expect.objectContaining({ ...of, node: 'n1', actor: 'mount:proc', step: 'mounted', sequence: 2n }),
        ]),
      patience,
    );
  });

  it('is taken up where it was left, after a lost stream and after a restart', async () => {
    const { contents, start, steps, cursors } = await setUp();
    const stop = start();
    contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to: 'settingUp' });
    await vi.waitFor(async () => expect(await cursors()).toMatchObject({ n1: 1n }), patience);
    contents.cut();
    contents.step({ node: 'n1', instance: 'i-2', actor: 'content', to: 'settingUp' });
    await vi.waitFor(async () => expect(await cursors()).toMatchObject({ n1: 2n }), patience);
    await stop();
    contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to: 'available' });
    const lists = contents.lists;
    start();
    await vi.waitFor(async () => expect(await cursors()).toMatchObject({ n1: 3n }), patience);
    expect(await steps()).toEqual({ 'i-1 content': 'available', 'i-2 content': 'settingUp' });
    expect(contents.requests.map((request) => request.fromSequenceByNode['n1'])).toEqual([undefined, 1n, 2n]);
    expect(contents.lists).toBe(lists);
  });

  it('is listed when what happened is no longer kept', async () => {
    const { contents, start, steps, cursors } = await setUp();
    const stop = start();
    contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to: 'settingUp' });
    await vi.waitFor(async () => expect(await cursors()).toMatchObject({ n1: 1n }), patience);
    await stop();
    for (const to of ['available', 'wrappingUp.backingUp']) {
      contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to });
    }
    contents.forget('n1', 0);
    start();
    await vi.waitFor(
      async () =>
        expect([await steps(), await cursors()]).toEqual([
          { 'i-1 content': 'wrappingUp.backingUp' },
          { n1: 3n },
        ]),
      patience,
    );
  });

  it('is believed again of a node that counts anew', async () => {
    const { contents, start, steps, cursors } = await setUp();
    start();
    for (const to of ['settingUp', 'available', 'wrappingUp']) {
      contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to });
    }
    await vi.waitFor(async () => expect(await cursors()).toMatchObject({ n1: 3n }), patience);
    contents.truth.set('i-1 content', {
      node: 'n1',
      instance: 'i-1',
      actor: 'content',
      to: 'none',
      sequence: 0n,
      at: 0,
    });
    contents.startAnew('n1');
    await vi.waitFor(
      async () => expect([await steps(), await cursors()]).toEqual([{ 'i-1 content': 'none' }, { n1: 1n }]),
      patience,
    );
  });

  it('is read from the beginning of another manager that is reached under the same name', async () => {
    const { contents, database, writing, start, steps, cursors } = await setUp();
    const stop = start();
    for (const to of ['settingUp', 'available', 'wrappingUp']) {
      contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to });
    }
    await vi.waitFor(async () => expect(await cursors()).toMatchObject({ n1: 3n }), patience);
    await stop();
    const other = new FakeContents();
    for (const instance of ['i-2', 'i-3', 'i-4', 'i-5', 'i-1']) {
      other.step({ node: 'n1', instance, actor: 'content', to: 'available' });
    }
    const moved = new ContentFeed({
      ...{ cluster: 'eu', client: other, isMoved: true, database, writing, clock: realWorld().clock },
      ...{ random: steadyRandom, stallMs: STALL_MS, onFailed: () => undefined },
    });
    const ending = new AbortController();
    const done = moved.run(ending.signal);
    await vi.waitFor(async () => expect(await cursors()).toMatchObject({ n1: 5n }), patience);
    expect(Object.keys(await steps())).toHaveLength(5);
    expect((await steps())['i-1 content']).toBe('available');
    ending.abort();
    await done;
  });

  it('is what the node says that the instance is on, though the clock of the one before is ahead', async () => {
    const { contents, database, start, rows, cursors } = await setUp();
    const isAt = async (nodeName: string) =>
      database.write((transaction) =>
        transaction('d_b_workspace_instance').update({
          status: JSON.stringify({ phase: 'running', nodeName }),
        }),
      );
    const step = (node: string, to: string) => contents.step({ node, instance: 'i-1', actor: 'content', to });
    const told = async (node: string, sequence: bigint) => {
      await vi.waitFor(async () => expect(await cursors()).toMatchObject({ [node]: sequence }), patience);
      return (await rows()).map((row) => `${row.node} ${row.step}`);
    };
    contents.ahead.set('ahead', 3_600_000);
    await insertInstance(database, { id: 'i-1', region: 'eu', phase: 'running' });
    await isAt('ahead');
    start();
    step('ahead', 'wrappingUp');
    expect(await told('ahead', 1n)).toEqual(['ahead wrappingUp']);
    await isAt('next');
    step('next', 'settingUp');
    step('next', 'available');
    expect(await told('next', 2n)).toEqual(['next available']);
    step('ahead', 'none');
    expect(await told('ahead', 2n)).toEqual(['next available']);
    step('next', 'wrappingUp');
    expect(await told('next', 3n)).toEqual(['next wrappingUp']);
    step('other', 'available');
    expect(await told('other', 1n)).toEqual(['next wrappingUp']);
    contents.ahead.set('other', 7_200_000);
    step('other', 'settingUp');
    expect(await told('other', 2n)).toEqual(['other settingUp']);
  });

  it('is asked for again when its manager tells nothing for long, not even how far a transfer is', async () => {
    const clock = new ManualClock();
    const { contents, failures, start, steps } = await setUp(clock);
    contents.isMute = true;
    contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to: 'available' });
    start();
    await vi.waitFor(() => expect(contents.streams).toBe(1), patience);
    for (let time = 0; time < 3; time += 1) {
      clock.advance(STALL_MS - 1);
      await contents.progress();
    }
    clock.advance(STALL_MS - 1);
    expect(contents.requests).toHaveLength(1);
    contents.isMute = false;
    clock.advance(1);
    await vi.waitFor(async () => {
      clock.advance(200);
      expect(await steps()).toEqual({ 'i-1 content': 'available' });
    }, patience);
    expect([contents.requests.length, failures]).toEqual([2, []]);
  });

  it('fails when its manager says nothing at all for as long', async () => {
    const clock = new ManualClock();
    const { contents, failures, start } = await setUp(clock);
    contents.isMute = true;
    start();
    await vi.waitFor(() => expect(contents.streams).toBe(1), patience);
    clock.advance(STALL_MS);
    await vi.waitFor(() => expect(failures).toEqual(['unavailable']), patience);
  });

  it('is written once however often it changes meanwhile, many at a time', async () => {
    const { contents, start, steps } = await setUp();
    for (let turn = 0; turn < 3; turn += 1) {
      for (let instance = 0; instance < 700; instance += 1) {
        contents.step({ node: 'manager', instance: `i-${instance}`, actor: 'instance', to: `turn-${turn}` });
      }
    }
    start();
    await vi.waitFor(async () => {
      const found = Object.values(await steps());
      expect(found.length).toBe(500);
      expect(new Set(found)).toEqual(new Set(['turn-2']));
    }, patience);
  });

  it('is not asked of a manager that does not tell it, nor by a bridge that does not write', async () => {
    const { contents, refuse, start, failures } = await setUp();
    contents.offered = false;
    const stop = start();
    await vi.waitFor(() => expect(contents.requests).toHaveLength(1), patience);
    await stop();
    refuse(new StewardError('unavailable', 'another bridge writes'));
    const standby = start();
    await new Promise((resolve) => setImmediate(resolve));
    await standby();
    expect([contents.requests.length, failures]).toEqual([1, []]);
  });

  it('goes with its instance: an hour after its row stopped, when none of its actors moves', async () => {
    const { database, writing, contents, start, steps, cursors } = await setUp();
    const stop = start();
    const names = ['running', 'stopped', 'moving', 'nobody'];
    for (const id of names) contents.step({ node: 'n1', instance: id, actor: 'content', to: 'available' });
    await vi.waitFor(async () => expect(Object.keys(await steps())).toHaveLength(4), patience);
    await stop();
    for (const id of names.slice(0, 3)) {
      await insertInstance(database, { id, region: 'eu', phase: id === 'running' ? 'running' : 'stopped' });
    }
    await database.write(async (transaction) => {
      await transaction('d_b_workspace_instance').update({ stoppedTime: '2026-01-01T00:00:00.000Z' });
      await transaction('steward_instance_content')
        .where({ instanceId: 'moving' })
        .update({ since: '2026-01-01T02:00:00.000Z' });
    });
    const clock = new ManualClock(Date.UTC(2026, 0, 1, 1, 30));
    const prune = (clusters: readonly string[]) =>
      pruneOnce({ writing, clock, clusters: () => clusters }, new AbortController().signal);
    await prune(['eu']);
    expect(Object.keys(await steps())).toEqual(['moving content', 'running content']);
    expect(await cursors()).toMatchObject({ n1: 4n });
    await prune([]);
    expect(await cursors()).toEqual({});
  });

  it('is nothing for ids, actors and numbers that no row can hold', async () => {
    const { contents, start, steps, cursors } = await setUp();
    start();
    contents.step({ node: 'n1', instance: "x'; --", actor: 'content', to: 'available' });
    contents.step({ node: 'n1', instance: 'i-1', actor: 'a'.repeat(200), to: 'available' });
    contents.step({ node: 'n1', instance: 'i-1', actor: 'content', to: `available.${'x'.repeat(300)}` });
    await vi.waitFor(async () => expect(await cursors()).toMatchObject({ n1: 3n }), patience);
    expect(await steps()).toEqual({ 'i-1 content': `available.${'x'.repeat(245)}` });
  });
});
