/**
 * Phase and conditions of an instance, computed from what is true of it and nothing else. An instance is on its
 * way out as soon as anything ended it; it is stopped once nothing of it is left to save.
 */

export type WorkspaceKind = 'regular' | 'prebuild' | 'imagebuild';

export type Phase = 'pending' | 'creating' | 'initializing' | 'running' | 'stopping' | 'stopped';

/** How the workspace's command ended. Codes above 128 are 128 + the signal that ended it, as shells tell it. */
export type CommandEnd =
  | { readonly kind: 'exited'; readonly code: number }
  /** It is gone and left no exit code. */
  | { readonly kind: 'lost'; readonly reason: string };

export type CommandFact =
  | { readonly state: 'none' }
  | { readonly state: 'running' }
  | { readonly state: 'ended'; readonly end: CommandEnd };

/** All stop requests so far as one: the shortest grace counts, and an abort is never taken back. */
export interface StopRequest {
  readonly graceMs: number;
  readonly aborted: boolean;
}

export interface LifeFacts {
  readonly kind: WorkspaceKind;
  /** Work on it has begun. */
  readonly begun: boolean;
  /** It has a place on a node. */
  readonly deployed: boolean;
  readonly content: 'none' | 'ready' | 'failed';
  readonly command: CommandFact;
  readonly stop: StopRequest | undefined;
  /** Which limit it was over, the first one; '' if none. */
  readonly timedOut: string;
  /** Why it failed, the first reason; '' if it did not. */
  readonly failure: string;
  /** What became of the content: saved, given up on purpose (or never complete), or gone without being saved. */
  readonly disposal: 'none' | 'backed-up' | 'discarded' | 'lost';
}

export interface Conditions {
  /** '' when not failed. */
  readonly failed: string;
  /** '' when not timed out. */
  readonly timeout: string;
  readonly headlessTaskFailed: string;
  readonly deployed: boolean;
  readonly stoppedByRequest: boolean;
  readonly finalBackupComplete: boolean;
  readonly aborted: boolean;
}

export function phaseOf(facts: LifeFacts): Phase {
  if (facts.disposal !== 'none') return 'stopped';
  if (isEnding(facts)) return 'stopping';
  if (facts.content === 'ready' && facts.command.state === 'running') return 'running';
  if (facts.deployed) return 'initializing';
  return facts.begun ? 'creating' : 'pending';
}

/** Something has ended it, whatever still has to be done about that. */
export function isEnding(facts: LifeFacts): boolean {
  return (
    isAskedToEnd(facts) ||
    facts.failure !== '' ||
    facts.content === 'failed' ||
    facts.command.state === 'ended'
  );
}

/** Whether the content has to be saved before it may go. */
export function wantsBackup(facts: LifeFacts): boolean {
  return facts.content === 'ready' && facts.kind !== 'imagebuild' && facts.stop?.aborted !== true;
}

export function conditionsOf(facts: LifeFacts): Conditions {
  return {
    failed: facts.failure,
    timeout: facts.timedOut,
    headlessTaskFailed: headlessFailure(facts),
    deployed: facts.deployed,
    stoppedByRequest: facts.stop !== undefined,
    finalBackupComplete: facts.disposal === 'backed-up',
    aborted: facts.stop?.aborted === true,
  };
}

/**
 * Why an end of the command is a failure of the workspace; '' when it is none. After a stop request or a timeout every
 * end is the expected one. A headless task that exits, with whatever code, has not failed the workspace (its own
 * failure is a condition apart), and a regular workspace's command is not supposed to end by itself at all.
 */
export function commandFailure(facts: LifeFacts, end: CommandEnd): string {
  if (isAskedToEnd(facts)) return '';
  if (end.kind === 'lost') return `the workspace's command is gone without an exit code: ${end.reason}`;
  if (facts.kind !== 'regular' && end.code <= SIGNAL_BASE) return '';
  if (end.code === 0) return "the workspace's command ended although nobody asked for it";
  return `the workspace's command ended with ${exitText(end.code)}`;
}

export type StopReason =
  | 'start-failure'
  | 'out-of-space'
  | 'failed'
  | 'aborted'
  | 'timeout'
  | 'tab-closed'
  | 'regular-stop';

/** Why it stopped, as the metric counts it. `closed`: its user had closed the editor. */
export function stopReasonOf(facts: LifeFacts, closed: boolean): StopReason {
  if (facts.failure !== '') {
    if (facts.command.state === 'none') return 'start-failure';
    return facts.failure.includes(OUT_OF_SPACE) ? 'out-of-space' : 'failed';
  }
  if (facts.stop?.aborted === true) return 'aborted';
  if (facts.timedOut !== '') return 'timeout';
  return closed ? 'tab-closed' : 'regular-stop';
}

/** How a node words it when a container has filled its disk. */
const OUT_OF_SPACE = 'exceeded pod ephemeral local storage';

function isAskedToEnd({ stop, timedOut }: LifeFacts): boolean {
  return stop !== undefined || timedOut !== '';
}

/** Shells report a command that a signal ended as this plus the signal's number. */
const SIGNAL_BASE = 128;

function headlessFailure(facts: LifeFacts): string {
  if (facts.kind === 'regular' || isAskedToEnd(facts) || facts.command.state !== 'ended') return '';
  const { end } = facts.command;
  return end.kind === 'exited' && end.code !== 0 ? `headless task failed: ${exitText(end.code)}` : '';
}

function exitText(code: number): string {
  return code > SIGNAL_BASE ? `signal ${code - SIGNAL_BASE} (exit code ${code})` : `exit code ${code}`;
}
