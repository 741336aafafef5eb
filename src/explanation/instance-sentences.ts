import { InstanceCommandState, type InstanceState } from '../gen/steward/v1/instance.js';
import { WorkspacePhase } from '../gen/ws-manager-api/core.js';
import type { Facts } from './facts.js';
import { heldSince } from './held-since.js';
import type { Moments } from './moments.js';
import { LIFE_STEPS } from './step-words.js';

/** Where an instance is, since when, and what led there. Nothing where the manager does not know it. */
export function instanceSentences({ id, instance, transitions }: Facts, moments: Moments): readonly string[] {
  if (instance === undefined) return [];
  const { step, stepSinceMs } = instance;
  const since = heldSince(transitions, 'instance', step, stepSinceMs);
  return [
    `${id} ${LIFE_STEPS[step] ?? `is at ${step}`}, ${moments.since(since)}.`,
    ...parkedSentence(instance),
    ...endSentences(instance, transitions),
    ...outcomeSentence(instance),
    ...troubleSentence(instance),
  ];
}

function parkedSentence({ parked }: InstanceState): readonly string[] {
  if (parked === '') return [];
  return [`Its actor at the manager is parked: ${sentenceEnd(parked)}`];
}

/** What ended it, or is about to; the first reason is the one that counts. */
function endSentences(instance: InstanceState, transitions: Facts['transitions']): readonly string[] {
  const { failed, command, phase } = instance;
  if (phase !== WorkspacePhase.STOPPING && phase !== WorkspacePhase.STOPPED) return [];
  const because = reasonOf(instance, wasStoppedFirst(transitions));
  return [
    `${phase === WorkspacePhase.STOPPED ? 'It ended' : 'It ends'} because ${sentenceEnd(because)}`,
    ...(failed === '' || because === failed ? [] : [`On the way it failed: ${sentenceEnd(failed)}`]),
    ...(command?.state === InstanceCommandState.INSTANCE_COMMAND_STATE_ENDED ? exitSentence(command) : []),
  ];
}

function reasonOf({ failed, timedOut, stop }: InstanceState, isStopFirst: boolean): string {
  if (timedOut !== '') return `it ${timedOut.startsWith('timed out') ? timedOut : `timed out: ${timedOut}`}`;
  if (failed !== '' && !(isStopFirst && stop !== undefined)) return failed;
  if (stop?.aborted === true) return 'somebody asked for it, without a backup';
  if (stop !== undefined) return 'somebody asked for it';
  return "the workspace's command ended";
}

/** Of a failure and a request to stop, which began the end. */
function wasStoppedFirst(transitions: Facts['transitions']): boolean {
  const end = transitions.find(
    ({ actor, from, to }) =>
      actor === 'instance' && to.startsWith('stopping.') && !from.startsWith('stopping.'),
  );
  return end?.cause === 'STOP';
}

function exitSentence({ exitCode, lost }: NonNullable<InstanceState['command']>): readonly string[] {
  if (exitCode !== undefined) return [`Its command ended with exit code ${exitCode}.`];
  return lost === '' ? [] : [`Its command left no exit code: ${sentenceEnd(lost)}`];
}

function outcomeSentence({ disposal }: InstanceState): readonly string[] {
  switch (disposal) {
    case '':
      return [];
    case 'backed-up':
      return ['Its content was saved before it was removed.'];
    case 'discarded':
      return ['Its content was given up on purpose, or was never complete; nothing of it was saved.'];
    case 'lost':
      return ['Its content was gone before it could be saved.'];
    default:
      return [`Its content: ${disposal}.`];
  }
}

/** In what is under way; the detail of a failure that ended it has been told. */
function troubleSentence({ detail, failed, phase }: InstanceState): readonly string[] {
  if (detail === '' || detail === failed || phase === WorkspacePhase.STOPPED) return [];
  return [`In the way: ${sentenceEnd(detail)}`];
}

/** Messages come with and without a full stop. */
export function sentenceEnd(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
