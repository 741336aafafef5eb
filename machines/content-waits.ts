import type { ContentContext } from './content-types.js';

/** The way out of a wait: every state that waits invokes this beside its effect. */
export function deadlineTo<Target extends string, Action extends string>(target: Target, action: Action) {
  return {
    src: 'deadline',
    input: ({ context }: { context: ContentContext }) => ({ at: context.deadline }),
    onDone: { target, actions: action },
    onError: { target, actions: 'fail' },
  } as const;
}

/** What every effect gets. */
export function withContext({ context }: { context: ContentContext }) {
  return { context };
}
