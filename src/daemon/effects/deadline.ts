import type { PromiseActorLogic, PromiseSnapshot } from 'xstate';
import type { Drawn } from '../../../machines/effect.js';
import type { Timer } from '../../gateways/clock.js';
import { drawn, type Performing } from './perform.js';

interface At {
  readonly at: number;
}

type Waiting = PromiseSnapshot<Drawn, At>;

const DUE = 'due';

/**
 * Is done when the wall clock reaches a time, at once when it is past; the only timer a machine has. Every instance
 * at rest holds one, so it is an actor of its own make: a promise with its signal costs several times as much.
 */
export function deadline(needs: Pick<Performing, 'clock' | 'random'>): PromiseActorLogic<Drawn, At> {
  const timers = new WeakMap<object, Timer>();
  return {
    config: () => Promise.reject(new Error('a deadline is no promise')),
    getInitialSnapshot: (_, input) => ({ status: 'active', output: undefined, error: undefined, input }),
    start: ({ status, input }, { self }) => {
      if (status !== 'active' || input === undefined) return;
      timers.set(
        self,
        needs.clock.schedule(input.at, () => self.send({ type: DUE })),
      );
    },
    transition: (state, { type }, { self }): Waiting => {
      if (state.status !== 'active') return state;
      if (type !== DUE && type !== 'xstate.stop') return state;
      timers.get(self)?.cancel();
      // The timer holds its actor: left here, both would stay until the next large collection.
      timers.delete(self);
      if (type === DUE) return { ...state, status: 'done', output: drawn(needs), input: undefined };
      return { ...state, status: 'stopped', input: undefined };
    },
    getPersistedSnapshot: (state) => state,
  };
}
