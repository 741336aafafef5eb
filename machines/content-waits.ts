import type { ContentContext } from './content-types.js';

/**
 * The way out of a wait: every state that waits invokes this beside its effect. A timer that breaks ends the wait
 * too; `broken` is what must happen then to work that would otherwise begin again at once and for ever.
 */
export function deadlineTo<Target extends string, Action extends string, Broken extends string = 'fail'>(
  target: Target,
  action: Action,
  broken?: Broken,
) {
  return {
    src: 'deadline',
    input: ({ context }: { context: ContentContext }) => ({ at: context.deadline }),
    onDone: { target, actions: action },
    onError: { target, actions: broken ?? 'fail' },
  } as const;
}

/** What every effect gets. */
export function withContext({ context }: { context: ContentContext }) {
  return { context };
}
