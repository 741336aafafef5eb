import { describe, expect, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { ContentStatus } from '../../src/gen/steward/v1/content.js';
import {
  GetHistoryResponse,
  type WatchTransitionsRequest,
  type WatchTransitionsResponse,
} from '../../src/gen/steward/v1/content_service.js';
import { InstanceCommandState } from '../../src/gen/steward/v1/instance.js';
import { Transition } from '../../src/gen/steward/v1/transition.js';
import { StopWorkspacePolicy, WorkspacePhase } from '../../src/gen/ws-manager-api/core.js';
import { DAEMON_STREAM_AWAY_MS } from '../../src/manager/bounds.js';
import { explainInstance } from '../../src/manager/rpc/steward/explain.js';
import { wholeHistory } from '../../src/manager/rpc/steward/history.js';
import { managerHandlers } from '../../src/manager/rpc/steward/manager.js';
import { recoverInstance } from '../../src/manager/rpc/steward/recover.js';
import { stateOf } from '../../src/manager/rpc/steward/states.js';
import { watchAll } from '../../src/manager/rpc/steward/watch.js';
import { MANAGER_NODE } from '../../src/manager/transitions.js';
import { instanceId, Rig, startRequest } from './rig.js';

const ID = 'instance-1';
const never = new AbortController().signal;

async function running(config = {}): Promise<Rig> {
  const rig = new Rig(1, config);
  await rig.start();
  await rig.within(rig.rpc.startWorkspace(startRequest(), rig.call()));
  await rig.until(ID, ({ phase }) => phase === WorkspacePhase.RUNNING);
  return rig;
}

/** A daemon that knows what it is told to know. */
function daemonWith(transitions: readonly Partial<Transition>[], content?: Partial<ContentStatus>) {
  return {
    getHistory: async () =>
      GetHistoryResponse.fromPartial({
        transitions: transitions.map((one) => Transition.fromPartial({ node: 'n', ...one })),
      }),
    getContent: async () => {
      if (content === undefined) throw new StewardError('unknown-instance', 'not known');
      return { content: { ...ContentStatus.fromPartial({}), ...content } };
    },
  };
}

const absent = {
  getHistory: () => Promise.reject(new StewardError('unavailable', 'it is away')),
  getContent: () => Promise.reject(new StewardError('unavailable', 'it is away')),
};

/** A daemon that takes every call and never answers, until its caller gives up. */
const hanging = {
  getHistory: (_: object, options?: { readonly signal?: AbortSignal }) => givenUp(options?.signal),
  getContent: (_: object, options?: { readonly signal?: AbortSignal }) => givenUp(options?.signal),
};

function givenUp(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(new StewardError('cancelled', 'the caller has left')));
  });
}

const historyOf = (rig: Rig, daemon: Parameters<typeof wholeHistory>[1], limit = 0) =>
  rig.within(wholeHistory(rig.core.transitions, daemon, rig.clock, { instanceId: ID, limit }, never));

describe('the history of an instance', () => {
  test('is that of the manager and that of the content, by time', async () => {
    const rig = await running();
    const own = await historyOf(rig, daemonWith([]));
    expect(own.transitions.map(({ from, to, node }) => `${node}: ${from} → ${to}`)).toContain(
      'manager: initializing.recordingRunning → running',
    );
    const middle = own.transitions[3]?.atMs ?? 0n;
    const { transitions } = await historyOf(rig, daemonWith([{ atMs: middle, to: 'settingUp' }]));
    expect(transitions.map(({ node }) => node).indexOf('n')).toBeGreaterThan(3);
    expect(transitions.at(-1)?.to).toBe('running');
    expect((await historyOf(rig, daemonWith([]), 2)).truncated).toBe(true);
  });

  test('is told without the daemon, as not whole; and not at all where nothing is known', async () => {
    const rig = await running();
    const { transitions, truncated } = await historyOf(rig, absent);
    expect(transitions.length).toBeGreaterThan(5);
    expect(truncated).toBe(true);
    const other = wholeHistory(
      rig.core.transitions,
      absent,
      rig.clock,
      { instanceId: 'i-2', limit: 0 },
      never,
    );
    await expect(rig.within(other)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('is told without a daemon that hangs, soon', async () => {
    const rig = await running();
    const askedAt = rig.clock.now();
    const { transitions, truncated } = await historyOf(rig, hanging);
    expect(transitions.length).toBeGreaterThan(5);
    expect(truncated).toBe(true);
    const other = wholeHistory(
      rig.core.transitions,
      hanging,
      rig.clock,
      { instanceId: 'i-2', limit: 0 },
      never,
    );
    await expect(rig.within(other)).rejects.toMatchObject({ code: 'deadline-exceeded' });
    expect(rig.clock.now() - askedAt).toBeLessThan(15_000);
  });

  test('goes on after a kill with higher sequences, and tells of the restart', async () => {
    const rig = await running();
    const before = await historyOf(rig, daemonWith([]));
    await rig.kill();
    await rig.start();
    await rig.until(ID, ({ phase }) => phase === WorkspacePhase.RUNNING);
    const { transitions } = await historyOf(rig, daemonWith([]));
    const sequences = transitions.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => Number(a - b)));
    expect(transitions.slice(before.transitions.length).map(({ from, to }) => `${from} → ${to}`)).toEqual([
      'none → recovering',
      'recovering → running',
    ]);
  });
});

describe('the state of an instance', () => {
  test('tells phase, step, command, timeouts and where to go on watching', async () => {
    const rig = await running();
    const state = await stateOf(rig.core, instanceId(ID));
    expect(state).toMatchObject({
      ...{ phase: WorkspacePhase.RUNNING, step: 'running', cause: 'recordingRunning.done', parked: '' },
      command: { state: InstanceCommandState.INSTANCE_COMMAND_STATE_RUNNING },
      ...{ waitingFor: '', attempts: 0, failed: '', disposal: '' },
    });
    expect(state?.timeouts.map(({ kind, movable }) => [kind, movable])).toEqual([
      ['period of inactivity', true],
      ['maximum lifetime', false],
    ]);
    const { transitions } = await historyOf(rig, daemonWith([]));
    expect(state?.sequence).toBe(transitions.at(-1)?.sequence);
    expect(await stateOf(rig.core, instanceId('i-2'))).toBeUndefined();
  });

  test('tells the wait and the attempts of a stop that fails, and what came of it', async () => {
    const rig = await running();
    rig.node.backupFailure = new StewardError('storage-unavailable', 'the storage is away');
    await rig.within(rig.rpc.stopWorkspace({ id: ID, policy: StopWorkspacePolicy.NORMALLY }, rig.call()));
    await rig.until(ID, ({ message }) => message !== '');
    const state = await stateOf(rig.core, instanceId(ID));
    expect(state).toMatchObject({ phase: WorkspacePhase.STOPPING, stop: { aborted: false } });
    expect(state?.detail).toContain('the storage is away');
    rig.node.backupFailure = undefined;
    await rig.until(ID, ({ phase }) => phase === WorkspacePhase.STOPPED);
    const over = await stateOf(rig.core, instanceId(ID));
    expect(over).toMatchObject({ step: 'stopped', disposal: 'backed-up', timeouts: [] });
    await rig.kill();
    await rig.start();
    expect(await stateOf(rig.core, instanceId(ID))).toMatchObject({ step: 'stopped', disposal: 'backed-up' });
  });
});

describe('why', () => {
  const explain = (rig: Rig, daemon: Parameters<typeof explainInstance>[1], id = ID) =>
    rig.within(explainInstance(rig.core, daemon, rig.clock, { instanceId: id }, never));

  test('joins what both know', async () => {
    const rig = await running();
    const content = { instanceId: ID, step: 'available.idle', state: 2 } as const;
    const answer = await explain(rig, daemonWith([], content));
    expect(answer.explanation).toMatch(/^instance-1 is running, .*Its content is in use/);
    expect(answer.next.join()).toContain('period of inactivity');
  });

  test('says who does not answer, and still what is known', async () => {
    const rig = await running();
    const { explanation, content } = await explain(rig, absent);
    expect(explanation).toMatch(
      /^instance-1 is running, .*the daemon of its node does not answer: it is away\.$/,
    );
    expect(content).toBeUndefined();
    await expect(explain(rig, absent, 'i-2')).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('does not wait for a daemon that hangs', async () => {
    const rig = await running();
    const askedAt = rig.clock.now();
    const { explanation } = await explain(rig, hanging);
    expect(explanation).toMatch(
      /^instance-1 is running, .*the daemon of its node does not answer: nothing came/,
    );
    expect(rig.clock.now() - askedAt).toBeLessThan(7_000);
  });

  test('of what nobody knows is NOT_FOUND', async () => {
    const rig = await running();
    await expect(explain(rig, daemonWith([]), 'i-2')).rejects.toMatchObject({ code: 'unknown-instance' });
  });
});

describe('the stream', () => {
  const request = (change: Partial<WatchTransitionsRequest> = {}): WatchTransitionsRequest => ({
    ...{ fromSequence: 1n, fromSequenceByNode: {}, instanceIds: [], follow: false },
    ...change,
  });

  async function* told(...events: WatchTransitionsResponse[]) {
    yield* events;
  }
  const stream = (events: AsyncIterable<WatchTransitionsResponse>) =>
    Object.assign(events, { started: Promise.resolve(), cancel: () => undefined });

  test('is both, each with the point between history and present', async () => {
    const rig = await running();
    const caughtUp = { event: { $case: 'caughtUp', value: { node: 'n', sequence: 9n } } } as const;
    const daemon = { watchTransitions: () => stream(told(caughtUp)) };
    const nodes: string[] = [];
    const reading = (async () => {
      for await (const { event } of watchAll(rig.core.transitions, daemon, rig, request(), rig.call())) {
        if (event?.$case === 'caughtUp') nodes.push(event.value.node);
      }
    })();
    await rig.within(reading);
    expect(nodes.sort()).toEqual([MANAGER_NODE, 'n']);
  });

  test('ends with the failure of either, and leaves the other', async () => {
    const rig = await running();
    const signals: (AbortSignal | undefined)[] = [];
    const daemon = {
      watchTransitions: (_: WatchTransitionsRequest, options?: { signal?: AbortSignal }) => {
        signals.push(options?.signal);
        return stream(failing());
      },
    };
    const reading = (async () => {
      const follow = request({ fromSequence: undefined, follow: true });
      for await (const _ of watchAll(rig.core.transitions, daemon, rig, follow, rig.call()));
    })();
    await expect(rig.within(reading, 2 * DAEMON_STREAM_AWAY_MS)).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(signals[0]?.aborted).toBe(true);
  });

  async function* failing(): AsyncGenerator<WatchTransitionsResponse> {
    yield { event: { $case: 'caughtUp', value: { node: 'n', sequence: 0n } } };
    throw new StewardError('unavailable', 'the daemon went away');
  }
});

describe('a decision', () => {
  const request = {
    instanceId: ID,
    reason: 'the disk is back',
    action: { $case: 'resume', value: {} },
  } as const;
  const nothing = { recover: () => Promise.reject(new StewardError('wrong-state', 'it is not parked')) };

  test('starts an actor of the manager again that was given up, and is kept in the history', async () => {
    const rig = await running();
    const supervisor = rig.core.supervisor.find(`instances/${ID}`);
    if (supervisor === undefined) throw new Error('no supervisor');
    let retried = 0;
    const parked = {
      ...rig.core,
      supervisor: {
        find: () =>
          Object.create(supervisor, {
            state: { value: 'parked' },
            retry: { value: async () => ++retried > 0 },
          }),
      },
    };
    await rig.within(recoverInstance(parked, nothing, request, rig.call()));
    expect(retried).toBe(1);
    const { transitions } = await historyOf(rig, daemonWith([]));
    expect(transitions.at(-1)).toMatchObject({
      actor: 'person',
      to: 'resume',
      detail: 'the disk is back (by test)',
    });
  });

  test('about one that is not given up is the daemon’s alone', async () => {
    const rig = await running();
    await expect(recoverInstance(rig.core, nothing, request, rig.call())).rejects.toMatchObject({
      code: 'wrong-state',
    });
  });
});

describe('bad requests', () => {
  const reasoned = { reason: 'why', action: { $case: 'retry', value: {} } } as const;

  test.each(['', '../x', 'a/b', 'x'.repeat(10_000), 'a\nb', '\u0000'])(
    'of an instance %j are refused',
    async (instanceId) => {
      const rig = await running();
      const { transitions } = rig.core;
      const nobody = { ...daemonWith([]), recover: () => Promise.reject(new Error('not to be asked')) };
      const refused = { code: 'invalid-argument' };
      const rpc = managerHandlers(rig.core, rig.clock);
      await expect(rpc.getInstance({ instanceId }, rig.call())).rejects.toMatchObject(refused);
      const why = explainInstance(rig.core, nobody, rig.clock, { instanceId }, never);
      await expect(why).rejects.toMatchObject(refused);
      const history = wholeHistory(transitions, nobody, rig.clock, { instanceId, limit: 0 }, never);
      await expect(history).rejects.toMatchObject(refused);
      const decision = recoverInstance(rig.core, nobody, { instanceId, ...reasoned }, rig.call());
      await expect(decision).rejects.toMatchObject(refused);
    },
  );

  test.each([
    [{ ...reasoned, reason: '' }],
    [{ ...reasoned, reason: 'x'.repeat(10_000) }],
    [{ ...reasoned, action: undefined }],
  ])('of a decision %# are refused before anybody is asked', async (change) => {
    const rig = await running();
    const nobody = { recover: () => Promise.reject(new Error('not to be asked')) };
    const decision = recoverInstance(rig.core, nobody, { instanceId: ID, ...change }, rig.call());
    await expect(decision).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  test('of a history with a negative limit are refused', async () => {
    const rig = await running();
    const history = wholeHistory(
      rig.core.transitions,
      daemonWith([]),
      rig.clock,
      { instanceId: ID, limit: -1 },
      never,
    );
    await expect(history).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('maintenance', () => {
  test('is set for a time that has a limit, with a reason, and taken back', async () => {
    const rig = await running();
    const rpc = managerHandlers(rig.core, rig.clock);
    const untilMs = BigInt(rig.clock.now() + 60_000);
    const set = (change: object) =>
      rig.within(rpc.setMaintenance({ untilMs, reason: 'why', ...change }, rig.call()));
    expect(await set({})).toEqual({ maintenance: { untilMs } });
    const state = await stateOf(rig.core, instanceId(ID));
    expect(state?.timeouts.every(({ suspended }) => suspended)).toBe(true);
    for (const bad of [{ reason: '' }, { untilMs: 5n }, { untilMs: untilMs + 10n ** 12n }]) {
      await expect(set(bad)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    expect(await set({ untilMs: undefined })).toEqual({ maintenance: {} });
    await expect(rpc.getInstance({ instanceId: '../x' }, rig.call())).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await expect(rpc.getInstance({ instanceId: 'i-2' }, rig.call())).rejects.toMatchObject({
      code: 'unknown-instance',
    });
  });
});
