import { fromPromise } from 'xstate';
import type { StepInput } from '../../../machines/content-setup.js';
import type { Failure } from '../../../machines/content-types.js';
import type { Drawn } from '../../../machines/effect.js';
import { toStewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import type { Random } from '../../gateways/random.js';
import type { Instance } from '../instance/instance.js';
import { boundedText } from './bounded.js';

/** What every effect needs to become an actor of the machine. */
export interface Performing {
  readonly clock: Clock;
  readonly random: Random;
  /** The living instance an effect belongs to. */
  readonly instanceOf: (input: StepInput) => Instance;
  /** Told of every failed effect, with the details that callers do not get. */
  readonly onFailed: (input: StepInput, step: string, error: unknown) => void;
}

/**
 * An effect as the machine wants it: one at a time per instance, its result with the time it ended at, its
 * rejection as a Failure. An aborted effect is over for the machine; the lane still waits for its end.
 */
export function perform<Output extends object, Input extends StepInput>(
  performing: Performing,
  step: string,
  run: (input: Input, signal: AbortSignal) => Promise<Output>,
) {
  return fromPromise<Output & Drawn, Input>(async ({ input, signal }) => {
    try {
      const output = await performing.instanceOf(input).lane.run((alive) => run(input, alive), signal);
      return { ...output, ...drawn(performing) };
    } catch (error) {
      if (!signal.aborted) performing.onFailed(input, step, error);
      throw failure(performing, error);
    }
  });
}

export function failure(performing: Pick<Performing, 'clock' | 'random'>, thrown: unknown): Failure {
  const error = toStewardError(thrown);
  return {
    at: performing.clock.now(),
    code: error.code,
    message: boundedText(error.message),
    retryable: error.entry.retryable,
    jitter: performing.random.fraction(),
  };
}

/** What every finished effect says: when it ended, and a fraction for what is spread over time. */
export function drawn({ clock, random }: Pick<Performing, 'clock' | 'random'>): Drawn {
  return { at: clock.now(), jitter: random.fraction() };
}
