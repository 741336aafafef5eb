import { describe, expect, it } from 'vitest';
import { stateAfter } from '../../../src/bridge/contents/actor-state.js';
import { Intake } from '../../../src/bridge/contents/intake.js';
import { WaitingStates } from '../../../src/bridge/contents/waiting-states.js';
import { Transition } from '../../../src/gen/steward/v1/transition.js';

const transition = (sequence: number, instanceId: string, to: string, node = 'n1') =>
  Transition.fromPartial({ sequence: BigInt(sequence), instanceId, actor: 'content', to, node });

function waitingWith(...all: readonly Transition[]): WaitingStates {
  const waiting = new WaitingStates();
  for (const one of all) {
    const state = stateAfter(one);
    if (state !== undefined) waiting.add(state);
    waiting.reached(one.node, one.sequence);
  }
  return waiting;
}

describe('states that wait to be written', () => {
  it('are the newest of each actor, and remember the state that a later step does not tell', () => {
    const waiting = waitingWith(
      transition(1, 'a', 'settingUp.initializing'),
      transition(2, 'a', 'available'),
      transition(3, 'a', 'recovering'),
    );
    expect(waiting.take(10)).toMatchObject({
      states: [{ instance: 'a', step: 'recovering', state: 'AVAILABLE', sequence: 3n }],
      taken: new Map([['n1', 3n]]),
    });
    expect(waiting.isEmpty).toBe(true);
  });

  it('are not older ones that come late', () => {
    const waiting = waitingWith(transition(5, 'a', 'available'), transition(4, 'a', 'settingUp'));
    expect(waiting.take(10)).toMatchObject({ states: [{ sequence: 5n }], taken: new Map([['n1', 5n]]) });
  });

  it('say how far a node was read only with the last of them', () => {
    const waiting = waitingWith(
      transition(1, 'a', 'available'),
      transition(2, 'b', 'available'),
      transition(1, 'c', 'available', 'n2'),
    );
    expect(waiting.take(2)).toMatchObject({
      states: [{ instance: 'a' }, { instance: 'b' }],
      taken: new Map(),
    });
    expect(waiting.take(2).taken).toEqual(
      new Map([
        ['n1', 2n],
        ['n2', 1n],
      ]),
    );
  });
});

describe('the intake of a stream', () => {
  const gap = (toSequence: bigint) =>
    ({ $case: 'gap', value: { node: 'n1', fromSequence: 1n, toSequence } }) as const;

  it('counts a node as read behind a gap only when a list was begun after it', () => {
    const intake = new Intake(new Map());
    expect(intake.request().fromSequence).toBe(1n);
    intake.take(gap(4n));
    const begun = intake.reasons;
    intake.take({ $case: 'transition', value: transition(5, 'a', 'available') });
    intake.take(gap(9n));
    intake.listed(begun);
    expect(intake.isListWanted).toBe(true);
    expect(intake.waiting.take(10).taken).toEqual(new Map());
    intake.listed(intake.reasons);
    expect(intake.isListWanted).toBe(false);
    expect(intake.waiting.take(10).taken).toEqual(new Map([['n1', 9n]]));
  });

  it('goes on behind what was read, and tells of a node that counts anew', () => {
    const intake = new Intake(new Map([['n1', 7n]]));
    expect(intake.request().fromSequenceByNode).toEqual({ n1: 8n });
    expect(intake.take({ $case: 'caughtUp', value: { node: 'n1', sequence: 7n } })).toBeUndefined();
    expect(intake.take({ $case: 'caughtUp', value: { node: 'n1', sequence: 3n } })).toBe('n1');
  });
});
