/**
 * When an instance has been in its phase for too long, computed from what is on disk about it: its deadlines are
 * absolute times that follow from when it was made, last used and asked to end, so they survive every restart.
 */
import { type LifeFacts, phaseOf } from './workspace-phase.js';

/** Milliseconds; what counts where an instance has no value of its own. */
export interface TimeoutLimits {
  readonly initializationMs: number;
  readonly startupMs: number;
  readonly regularMs: number;
  readonly lifetimeMs: number;
  readonly headlessMs: number;
  /** A real limit also when it is 0; only an instance's own 0 switches it off. */
  readonly afterCloseMs: number;
  readonly finalizationMs: number;
}

/** Limits of one instance, in milliseconds; undefined where it has none of its own. */
export interface OwnTimeouts {
  readonly timeoutMs: number | undefined;
  /** 0: being closed ends nothing. */
  readonly closedTimeoutMs: number | undefined;
  readonly lifetimeMs: number | undefined;
}

/** When somebody used it. Milliseconds since the epoch. */
export interface Activity {
  readonly first: number | undefined;
  readonly last: number | undefined;
  /** The user has closed the editor, and not come back. */
  readonly closed: boolean;
}

export interface TimeoutFacts extends LifeFacts {
  readonly createdAt: number;
  readonly stoppingAt: number | undefined;
}

export interface DueTimeout {
  readonly at: number;
  readonly since: number;
  readonly limitMs: number;
  /** What took too long, for people. */
  readonly activity: string;
  /** Whether the user's activity puts it off. */
  readonly isMovable: boolean;
}

/** Everything that may time out as things stand; of several that are over, the first is the one to be told. */
export function dueTimeouts(
  facts: TimeoutFacts,
  activity: Activity,
  own: OwnTimeouts,
  limits: TimeoutLimits,
): readonly DueTimeout[] {
  const { createdAt, stoppingAt } = facts;
  switch (phaseOf(facts)) {
    case 'pending':
      return [due(createdAt, limits.initializationMs, 'initialization')];
    case 'creating':
      return [due(createdAt, limits.startupMs, 'creating containers')];
    case 'initializing':
      return [due(createdAt, limits.startupMs, 'startup')];
    case 'running':
      return [
        due(createdAt, own.lifetimeMs ?? limits.lifetimeMs, 'maximum lifetime'),
        ...whileRunning(facts, activity, own, limits),
      ];
    case 'stopping':
      return [due(stoppingAt ?? createdAt, limits.finalizationMs, 'backup')];
    case 'stopped':
      return [];
  }
}

/** The first limit that is over at `now`. */
export function exceeded(timeouts: readonly DueTimeout[], now: number): DueTimeout | undefined {
  return timeouts.find(({ at }) => at <= now);
}

/** What an instance that timed out shows as the reason. */
export function timeoutReason({ activity, since, limitMs }: DueTimeout, now: number): string {
  return `timed out: ${activity} took ${minutes(now - since)}, allowed are ${minutes(limitMs)}`;
}

function whileRunning(
  { kind, createdAt }: TimeoutFacts,
  { last, closed }: Activity,
  own: OwnTimeouts,
  limits: TimeoutLimits,
): readonly DueTimeout[] {
  if (kind !== 'regular') return [due(createdAt, limits.headlessMs, 'running the headless workspace')];
  if (last === undefined) return [{ ...due(createdAt, limits.startupMs, INACTIVITY), isMovable: true }];
  const regular = { ...due(last, own.timeoutMs ?? limits.regularMs, INACTIVITY), isMovable: true };
  if (!closed || own.closedTimeoutMs === 0) return [regular];
  const closedMs = own.closedTimeoutMs ?? limits.afterCloseMs;
  return [{ ...due(last, closedMs, 'after being closed'), isMovable: true }, regular];
}

const INACTIVITY = 'period of inactivity';

function due(since: number, limitMs: number, activity: string): DueTimeout {
  return { at: since + limitMs, since, limitMs, activity, isMovable: false };
}

/** `01h30m`, rounded to minutes. */
function minutes(milliseconds: number): string {
  const rounded = Math.round(milliseconds / 60_000);
  const [hours, rest] = [Math.floor(rounded / 60), rounded % 60];
  return `${String(hours).padStart(2, '0')}h${String(rest).padStart(2, '0')}m`;
}
