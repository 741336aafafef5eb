import type { Transition } from '../gen/steward/v1/transition.js';
import { PATH_SHOWN_MAX } from './bounds.js';

/** The transitions that led here: from where the present phase of the content or the instance began. */
export function pathOf(transitions: readonly Transition[]): readonly Transition[] {
  const start = transitions.findLastIndex(
    ({ actor, from, to }) =>
      (actor === 'content' || actor === 'instance') && outermost(from) !== outermost(to),
  );
  return transitions.slice(Math.max(0, start)).slice(-PATH_SHOWN_MAX);
}

function outermost(step: string): string {
  return step.split('.')[0] ?? step;
}
