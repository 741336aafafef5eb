import type { Transition } from '../gen/steward/v1/transition.js';
import { formatTime, formatTimeOfDay } from './format.js';
import { plainText } from './plain-text.js';
import type { Style } from './style.js';

/** One transition as a line for people who watch; `instance` where it is not clear whose it is. */
export function transitionLine(transition: Transition, style: Style, instance?: string): string {
  const { atMs, actor, from, to, cause, detail } = transition;
  const words = [
    style.dim(formatTimeOfDay(Number(atMs))),
    ...(instance === undefined ? [] : [instance]),
    actor.padEnd(8),
    `${from} → ${style.bold(to)}`,
    style.dim(`(${cause})`),
    ...(detail === '' ? [] : [style.yellow(plainText(detail))]),
  ];
  return words.join('  ');
}

/** For --json: numbers as numbers, times readable. */
export function transitionJson({ sequence, atMs, instanceId, ...rest }: Transition) {
  return { sequence: Number(sequence), at: formatTime(atMs), instance: instanceId, ...rest };
}
