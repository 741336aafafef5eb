import type { LifeContext } from './instance-life-types.js';

/** The way out of a wait: every state that waits invokes this beside its effect. */
export function deadlineTo<Target extends string, Action extends string>(target: Target, action?: Action) {
  return {
    src: 'deadline',
    input: ({ context }: { context: LifeContext }) => ({ at: context.deadline }),
    onDone: action === undefined ? { target } : { target, actions: action },
    onError: { target: '#life.failed' },
  } as const;
}

/** What every effect gets. */
export function withContext({ context }: { context: LifeContext }) {
  return { context };
}

/** The effect of every `recording…` state. A record that cannot be written ends this run of the actor. */
export const writing = {
  src: 'writeRecord',
  input: withContext,
} as const;
