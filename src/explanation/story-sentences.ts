import type { Transition } from '../gen/steward/v1/transition.js';
import type { Facts } from './facts.js';
import { sentenceEnd } from './instance-sentences.js';
import type { Moments } from './moments.js';

/** What happened beside the ordinary way: restarts it outlived, and what people decided. */
export function storySentences(
  { transitions, content, instance }: Facts,
  moments: Moments,
): readonly string[] {
  return [...restarts(transitions, moments), ...decision(transitions, moments), ...forgotten()];

  /** History is kept longer than what it is about. */
  function forgotten(): readonly string[] {
    const last = transitions.at(-1);
    if (content !== undefined || instance !== undefined || last === undefined) return [];
    return [
      `Nothing but its history is kept: the last step was ${last.from} → ${last.to}, ${moments.at(last.atMs)}.`,
    ];
  }
}

function restarts(transitions: readonly Transition[], moments: Moments): readonly string[] {
  const takenUp = (actor: string) =>
    transitions.filter((one) => one.actor === actor && one.from === 'recovering' && one.to !== 'failed');
  const found = [
    { program: 'the daemon', times: takenUp('content') },
    { program: 'the manager', times: takenUp('instance') },
  ].flatMap(({ program, times }) => {
    const last = times.at(-1);
    if (last === undefined) return [];
    const often = times.length === 1 ? 'a restart' : `${times.length} restarts`;
    return [`${often} of ${program} (${times.length === 1 ? '' : 'the last '}${moments.at(last.atMs)})`];
  });
  return found.length === 0 ? [] : [`It outlived ${found.join(' and ')}.`];
}

function decision(transitions: readonly Transition[], moments: Moments): readonly string[] {
  const last = transitions.findLast(({ actor }) => actor === 'person');
  if (last === undefined) return [];
  return [`Somebody asked ${moments.at(last.atMs)} to ${last.to} it: ${sentenceEnd(last.detail)}`];
}
