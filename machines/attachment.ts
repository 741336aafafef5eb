/**
 * What a mount and a veth pair have in common: things added to a running instance by privileged steps, which
 * must be taken away again whatever happens, and which end as clean, forced or leaked.
 */
import type { Failure } from './content-types.js';
import { timeOf } from './effect-end.js';
import type { InstanceId } from './ids.js';
import {
  ATTACH_STEP_MS,
  DETACH_ATTEMPTS_MAX,
  DETACH_PAUSE_MAX_MS,
  DETACH_PAUSE_MIN_MS,
  DETACH_STEP_MS,
  type PauseLimits,
  pauseMs,
  RECORD_MS,
  SURVEY_MS,
} from './limits.js';

/** Milliseconds, and a count of attempts. */
export interface AttachmentLimits extends PauseLimits {
  readonly recordMs: number;
  readonly surveyMs: number;
  /** One step of setting it up. */
  readonly attachMs: number;
  /** One step of taking it away. */
  readonly detachMs: number;
  readonly attemptsMax: number;
}

export const attachmentLimits: AttachmentLimits = {
  recordMs: RECORD_MS,
  surveyMs: SURVEY_MS,
  attachMs: ATTACH_STEP_MS,
  detachMs: DETACH_STEP_MS,
  attemptsMax: DETACH_ATTEMPTS_MAX,
  pauseMinMs: DETACH_PAUSE_MIN_MS,
  pauseMaxMs: DETACH_PAUSE_MAX_MS,
};

/**
 * The step on disk: where a restart goes on from. `attaching`: some of it may exist and nobody relies on it;
 * `attached`: all of it exists and callers know; `detaching`: it is being taken away; `absent`: nothing is left.
 */
export type AttachmentStep = 'attaching' | 'attached' | 'detaching' | 'absent';

/** How an attachment ended; `leaked` says that something may be left of it. */
export type AttachmentEnd = 'clean' | 'forced' | 'leaked';

/** What an attachment starts with. */
export interface AttachmentInput {
  readonly instance: InstanceId;
  readonly limits: AttachmentLimits;
  readonly at: number;
  /** The step on disk when the actor comes back. */
  readonly recorded?: AttachmentStep;
}

export interface AttachmentOutput {
  /** When it ended. */
  readonly at: number;
  readonly how: AttachmentEnd;
  /** Why it never came to be, or what is in the way of its end. */
  readonly failure: Failure | undefined;
}

export interface AttachmentContext {
  readonly instance: InstanceId;
  readonly limits: AttachmentLimits;
  readonly recorded: AttachmentStep | undefined;
  /** When the newest event happened. */
  readonly at: number;
  /** Until when the present wait may last. */
  readonly deadline: number;
  readonly waitingFor: string;
  /** STOP has come. */
  readonly leaving: boolean;
  /** Failed attempts to take it away, or to find out what is there. */
  readonly attempt: number;
  readonly how: AttachmentEnd;
  readonly failure: Failure | undefined;
}

type Change = Partial<AttachmentContext>;

export function startingAttachment({ instance, limits, at, recorded }: AttachmentInput): AttachmentContext {
  return {
    instance,
    limits,
    recorded,
    at,
    deadline: at,
    waitingFor: '',
    leaving: false,
    attempt: 0,
    how: 'clean',
    failure: undefined,
  };
}

export function waiting(context: AttachmentContext, waitingFor: string, milliseconds: number): Change {
  return { waitingFor, deadline: context.at + milliseconds };
}

/** The first failure is the cause; what fails afterwards only follows from it. */
export function failed(context: AttachmentContext, failure: Failure): Change {
  return { at: failure.at, failure: context.failure ?? failure };
}

/** The newest failure says what is still in the way; its fraction spreads the pause that follows. */
export function attemptFailed(context: AttachmentContext, failure: Failure): Change {
  return { at: failure.at, failure, attempt: context.attempt + 1 };
}

export function pausing(context: AttachmentContext): Change {
  const milliseconds = pauseMs(context.limits, context.attempt, context.failure?.jitter ?? 0);
  return waiting(context, 'the next attempt', milliseconds);
}

/** Where there are several attempts, the last one may use force. */
export function usesForce(context: AttachmentContext): boolean {
  return context.attempt > 0 && context.attempt === context.limits.attemptsMax - 1;
}

export function hasAttemptLeft(context: AttachmentContext): boolean {
  return context.attempt < context.limits.attemptsMax;
}

export function removed(context: AttachmentContext, at: number): Change {
  return { at, how: usesForce(context) ? 'forced' : context.how };
}

/** Callers rely on it, and nobody has taken it back. */
export function isWanted(context: AttachmentContext): boolean {
  return context.recorded === 'attached' && !context.leaving;
}

/** The step that a finished write of the record made durable. */
export function recordKept(context: AttachmentContext, event: object): Change {
  return { at: timeOf(event, context.at), recorded: stepIn(event) ?? context.recorded };
}

/** Callers relied on it, and it is not there any more. */
export function missing(at: number): Change {
  const message = 'it was gone after a restart';
  return { at, failure: { at, code: 'attachment-missing', message, retryable: false, jitter: 0 } };
}

const STEPS: readonly AttachmentStep[] = ['attaching', 'attached', 'detaching', 'absent'];

/** What is told of it in the end. */
export function outputOf({ at, how, failure }: AttachmentContext): AttachmentOutput {
  return { at, how, failure };
}

function stepIn(event: object): AttachmentStep | undefined {
  if (!('output' in event)) return undefined;
  const { output } = event;
  if (typeof output !== 'object' || output === null || !('step' in output)) return undefined;
  return STEPS.find((step) => step === output.step);
}
