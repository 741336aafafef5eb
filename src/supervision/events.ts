import type { Exit, Leak, Stopped } from './exit.js';

/** Where and when something happened. `path` is the child or supervisor it happened to; `at` is the Clock's. */
interface Happened {
  readonly at: number;
  readonly path: string;
}

interface ChildHappened extends Happened {
  readonly generation: number;
}

/** One step of one supervisor or child. Metrics, logs and tests read this stream and nothing else. */
export type SupervisorEvent =
  /** A run begins. */
  | (ChildHappened & { readonly type: 'start' })
  | (ChildHappened & { readonly type: 'started' })
  | (ChildHappened & { readonly type: 'ignored' })
  | (ChildHappened & { readonly type: 'start-failed'; readonly error: Error })
  /** A child ended by itself. */
  | (ChildHappened & { readonly type: 'exit'; readonly exit: Exit })
  /** A child is told to stop. */
  | (ChildHappened & { readonly type: 'stop' })
  | (ChildHappened & { readonly type: 'stopped'; readonly stopped: Stopped; readonly error?: Error })
  /** After an abnormal exit or failed start, its hooks ran and these things are still there. */
  | (ChildHappened & { readonly type: 'leak'; readonly leaks: readonly Leak[] })
  /** A start that was given up came back late; what it started was killed. */
  | (ChildHappened & { readonly type: 'late-start' })
  /** `path` and those its strategy adds will start again `afterMs` from now. */
  | (Happened & {
      readonly type: 'restart';
      readonly afterMs: number;
      /** Restarts within the period, this one included, and how many are allowed. */
      readonly used: number;
      readonly allowed: number;
    })
  /** Restarts of the supervisor are exhausted: it stops its children and ends with `shutdown`. */
  | (Happened & { readonly type: 'escalate'; readonly reason: string })
  /** An alarm: restarts are exhausted, and it waits for a person or program to call `retry`. */
  | (Happened & { readonly type: 'park'; readonly reason: string })
  | (Happened & { readonly type: 'unpark' })
  /** A significant child ended, so the supervisor stops the others and ends with `shutdown`. */
  | (Happened & { readonly type: 'auto-shutdown'; readonly reason: string })
  /** The specification is allowed but probably not meant. */
  | (Happened & { readonly type: 'warning'; readonly warning: SpecWarning; readonly detail: string });

export type SpecWarning =
  /** Supervisors above one another multiply to very many starts before the top gives up. */
  | 'budget-product'
  /** The pauses are so long that the intensity can never be exceeded: the child is retried for ever. */
  | 'backoff-outlasts-period'
  /** A worker without a stop deadline can keep its supervisor for ever. */
  | 'worker-without-deadline';
