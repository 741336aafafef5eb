/** What the end of an effect says: when it was, and why it failed. */
import type { Failure } from './content-types.js';

/**
 * The time an event brings: done effects in their output, our own events in `at`. `before` is the newest time
 * known, for an event that brings none.
 */
export function timeOf(event: object, before: number): number {
  if ('at' in event && typeof event.at === 'number') return event.at;
  return numberIn(event, 'at') ?? before;
}

/** The random fraction that an effect's end brings; 0 for an event that brings none. */
export function jitterOf(event: object): number {
  return numberIn(event, 'jitter') ?? 0;
}

function numberIn(event: object, name: 'at' | 'jitter'): number | undefined {
  if (!('output' in event)) return undefined;
  const { output } = event;
  if (typeof output !== 'object' || output === null || !(name in output)) return undefined;
  const value: unknown = new Map(Object.entries(output)).get(name);
  return typeof value === 'number' ? value : undefined;
}

/**
 * An effect's rejection as a Failure. Effects reject with nothing else; anything else is a defect, told as it is
 * and never taken for a cause worth another try. `at` is the newest time known, for want of a better one.
 */
export function failureOf(event: object, at: number): Failure {
  const thrown = 'error' in event ? event.error : undefined;
  if (isFailure(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { at, code: 'internal', message, retryable: false, jitter: 0 };
}

/** The failure of a wait whose deadline is past; the deadline brings the fraction that spreads what follows. */
export function overdue(
  event: object,
  wait: { readonly waitingFor: string; readonly deadline: number },
): Failure {
  const message = `${wait.waitingFor} took longer than allowed`;
  return {
    at: timeOf(event, wait.deadline),
    code: 'deadline-exceeded',
    message,
    retryable: true,
    jitter: jitterOf(event),
  };
}

function isFailure(thrown: unknown): thrown is Failure {
  if (typeof thrown !== 'object' || thrown === null) return false;
  return (
    'at' in thrown &&
    typeof thrown.at === 'number' &&
    'code' in thrown &&
    typeof thrown.code === 'string' &&
    'message' in thrown &&
    typeof thrown.message === 'string' &&
    'retryable' in thrown &&
    typeof thrown.retryable === 'boolean' &&
    'jitter' in thrown &&
    typeof thrown.jitter === 'number'
  );
}
