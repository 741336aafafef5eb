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
    waiting.reached(one.node, { sequence: one.sequence, at: 0n });
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
      taken: new Map([['n1', { sequence: 3n, at: 0n }]]),
    });
    expect(waiting.isEmpty).toBe(true);
  });

  it('are not older ones that come late', () => {
    const waiting = waitingWith(transition(5, 'a', 'available'), transition(4, 'a', 'settingUp'));
    expect(waiting.take(10)).toMatchObject({ states: [{ sequence: 5n }] });
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
        ['n1', { sequence: 2n, at: 0n }],
        ['n2', { sequence: 1n, at: 0n }],
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
    expect(intake.waiting.take(10).taken).toEqual(new Map([['n1', { sequence: 9n, at: 0n }]]));
  });

  it('begins with the transition that was taken last, and tells of a node that has another one there', () => {
    const read = () => new Intake(new Map([['n1', { sequence: 7n, at: 70n }]]));
    const seventh = (atMs: bigint) =>
      ({ $case: 'transition', value: { ...transition(7, 'a', 'available'), atMs } }) as const;
    const caughtUp = (sequence: bigint) => ({ $case: 'caughtUp', value: { node: 'n1', sequence } }) as const;
    const same = read();
    expect(same.request().fromSequenceByNode).toEqual({ n1: 7n });
    expect(same.take(seventh(70n))).toBeUndefined();
    expect(same.take(caughtUp(7n))).toBeUndefined();
    expect(same.waiting.isEmpty).toBe(true);
    expect(read().take(seventh(71n))).toBe('n1');
    expect(read().take(caughtUp(3n))).toBe('n1');
  });
});
