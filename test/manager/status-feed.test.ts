import { describe, expect, test } from 'vitest';
import {
  type MetadataFilter,
  StopWorkspacePolicy,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../../src/gen/ws-manager-api/core.js';
import { instanceId, Rig, startRequest } from './rig.js';

/** A subscriber that reads only when told to. */
function subscribe(rig: Rig, mustMatch: MetadataFilter | undefined = undefined) {
  const controller = new AbortController();
  const stream = rig.rpc.subscribe({ mustMatch }, rig.call(controller.signal))[Symbol.asyncIterator]();
  return {
    /** The next status; undefined when the stream has ended. */
    next: async (): Promise<WorkspaceStatus | undefined> => {
      const next = await stream.next();
      return next.done === true ? undefined : next.value.status;
    },
    end: () => controller.abort(),
  };
}

async function start(rig: Rig, id: string, workspace = id): Promise<void> {
  const request = startRequest({ id, metadata: { metaId: workspace } });
  await rig.within(rig.rpc.startWorkspace(request, rig.call()));
  await rig.until(id, ({ phase }) => phase === WorkspacePhase.RUNNING);
}

async function stop(rig: Rig, id: string): Promise<void> {
  await rig.within(rig.rpc.stopWorkspace({ id, policy: StopWorkspacePolicy.NORMALLY }, rig.call()));
  await rig.until(id, ({ phase }) => phase === WorkspacePhase.STOPPED);
}

async function rig(): Promise<Rig> {
  const made = new Rig();
  await made.start();
  return made;
}

describe('a subscription', () => {
  test('begins with what is there', async () => {
    const here = await rig();
    await start(here, 'a');
    await start(here, 'b');
    const reader = subscribe(here);
    const told = [await reader.next(), await reader.next()];
    expect(told.map((status) => [status?.id, status?.phase])).toEqual([
      ['a', WorkspacePhase.RUNNING],
      ['b', WorkspacePhase.RUNNING],
    ]);
    reader.end();
  });

  test('skips what a slow reader missed, and never the last status', async () => {
    const here = await rig();
    const reader = subscribe(here);
    const first = reader.next();
    await start(here, 'a');
    expect((await first)?.phase).toBe(WorkspacePhase.PENDING);
    await stop(here, 'a');
    expect((await reader.next())?.phase).toBe(WorkspacePhase.STOPPED);
    reader.end();
    expect(await reader.next()).toBeUndefined();
  });

  test('tells only what its filter lets through', async () => {
    const here = await rig();
    await start(here, 'a', 'w1');
    await start(here, 'b', 'w2');
    const reader = subscribe(here, { owner: '', metaId: 'w2', annotations: {} });
    expect((await reader.next())?.id).toBe('b');
    await stop(here, 'a');
    await stop(here, 'b');
    expect(await reader.next()).toMatchObject({ id: 'b', phase: WorkspacePhase.STOPPED });
    reader.end();
  });

  test('versions grow from one message to the next', async () => {
    const here = await rig();
    const reader = subscribe(here);
    const versions: bigint[] = [];
    const reading = (async () => {
      for (;;) {
        const status = await reader.next();
        if (status === undefined) return;
        versions.push(status.statusVersion);
      }
    })();
    await start(here, 'a');
    await stop(here, 'a');
    reader.end();
    await here.within(reading);
    expect(versions.length).toBeGreaterThan(3);
    expect(versions).toEqual([...new Set(versions)].sort((x, y) => Number(x - y)));
  });

  test('ends when its caller leaves, and costs nothing afterwards', async () => {
    const here = await rig();
    const reader = subscribe(here);
    const waiting = reader.next();
    reader.end();
    expect(await waiting).toBeUndefined();
    await start(here, 'a');
    expect(here.core.feed.isAwaited(instanceId('a'))).toBe(false);
  });
});

describe('a stopped instance', () => {
  const LONG_MS = 12 * 60 * 60_000;

  test('is listed until somebody was told and the quiet period is over', async () => {
    const here = await rig();
    await start(here, 'a');
    await stop(here, 'a');
    await here.clock.advance(LONG_MS);
    expect((await here.statuses()).map(({ id }) => id)).toEqual(['a']);
    const reader = subscribe(here);
    expect((await reader.next())?.phase).toBe(WorkspacePhase.STOPPED);
    const waiting = reader.next();
    await here.clock.advance(60_000);
    expect((await here.statuses()).map(({ id }) => id)).toEqual(['a']);
    await here.clock.advance(LONG_MS);
    expect(await here.statuses()).toEqual([]);
    reader.end();
    expect(await waiting).toBeUndefined();
  });

  test('that a slow reader still has to be told about is kept', async () => {
    const here = await rig();
    const slow = subscribe(here);
    const first = slow.next();
    await start(here, 'a');
    await first;
    const quick = subscribe(here);
    await quick.next();
    await stop(here, 'a');
    expect((await quick.next())?.phase).toBe(WorkspacePhase.STOPPED);
    const waiting = quick.next();
    await here.clock.advance(LONG_MS);
    expect((await slow.next())?.phase).toBe(WorkspacePhase.STOPPED);
    quick.end();
    slow.end();
    await waiting;
  });

  test('leaves nothing on disk once it is forgotten', async () => {
    const here = await rig();
    await start(here, 'a');
    await stop(here, 'a');
    await here.clock.advance(3 * LONG_MS);
    expect(await here.statuses()).toEqual([]);
    expect(await here.files.list('/state/manager/records')).toEqual([]);
    expect(await here.files.list('/state/manager/tokens')).toEqual([]);
    expect(await here.files.list('/memory/manager')).toEqual([]);
  });
});
