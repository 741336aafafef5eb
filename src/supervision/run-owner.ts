import type { Child } from './child.js';
import type { Exit } from './exit.js';
import type { Run } from './run.js';
import type { SharedContext } from './shared-context.js';
import type { Supervisor } from './supervisor.js';

export type StartOutcome =
  | { readonly result: 'started' }
  | { readonly result: 'ignored' }
  | { readonly result: 'failed'; readonly error: Error }
  /** It was told to stop before it was up. */
  | { readonly result: 'stopped' };

/** A supervisor as the run of a child: what its parent needs of it. */
export interface Nested extends Supervisor {
  start(): Promise<StartOutcome>;
}

/** The supervisor a run belongs to, as the run sees it. */
export interface RunOwner {
  readonly shared: SharedContext;
  readonly path: string;
  /** The child's run ended by itself. */
  exited(child: Child, run: Run, exit: Exit): void;
}
