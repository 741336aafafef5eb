import type { Exit, Leak } from './exit.js';
import type { ServiceKey } from './registry.js';

/** When a child that ended by itself is started again. */
export type Restart =
  /** Always. */
  | 'permanent'
  /** After an abnormal exit only. */
  | 'transient'
  /** Never, not even when its siblings are restarted: then it is gone. */
  | 'temporary';

/** How long a stop may take: milliseconds until the kill, no limit, or a kill without asking. */
export type Shutdown = number | 'infinity' | 'brutal-kill';

/** What the world is told about one run of a child; see `Supervisor.tree` for how it is doing. */
export interface ChildContext {
  readonly name: string;
  /** Names from the root to the child, joined by `/`. */
  readonly path: string;
  /**
   * Aborts when this run must end: on a kill, on a stop while it is still starting, and on a stop when the child
   * has no `stop` of its own. Also when the run is over, so that nothing goes on behind it.
   */
  readonly signal: AbortSignal;
  /** Grows with every run of any child of the tree; put it beside results that may come late. */
  readonly generation: number;
  /** False as soon as the run is over or killed: its late results must be thrown away. */
  isCurrent(): boolean;
  /**
   * How the run before ended, if there was one: a failed start is `abnormal`, a stop along with a failed sibling
   * `shutdown`.
   */
  readonly previous: Exit | undefined;
  /**
   * Registers what a kill must do for this child, such as SIGKILL to its process groups, and answers what is
   * still there afterwards. Hooks run after an abnormal exit too, so that nothing is left behind; the latest runs
   * first. After the run is over a hook runs at once.
   */
  onKill(hook: KillHook): void;
  /** Makes `value` known under `key` in the registry until this run is over. */
  register<Value>(key: ServiceKey<Value>, value: Value): void;
}

export type KillHook = () => Promise<readonly Leak[]> | readonly Leak[];

/** What a successful start hands to its supervisor. */
export interface StartedChild {
  /**
   * Settles when the child ends by itself; a rejection is an abnormal exit. Left out by children that never do,
   * such as a server that waits for calls.
   */
  readonly exit?: Promise<Exit>;
  /**
   * Stops the child and resolves when it is gone; `signal` aborts when the deadline has passed. A rejection gets
   * the child killed. Without it the context's signal is aborted instead and `exit` waited for.
   */
  stop?(signal: AbortSignal): Promise<void>;
  /** Messages waiting for it, for the tree. */
  mailboxDepth?(): number;
}

/** `ignore`: there is nothing to run now; the specification is kept. An error is told by throwing. */
export type StartResult = StartedChild | 'ignore';

interface AnyChild {
  /** Unique among its siblings; without `/`. */
  readonly name: string;
}

interface AnyWorker extends AnyChild {
  readonly kind: 'worker';
  /** Starts one run. Resolves when the child is up; it may end with `exit` only after that. */
  start(context: ChildContext): Promise<StartResult> | StartResult;
  /** Default 5000 ms. */
  readonly shutdown?: Shutdown;
  /** How long `start` may take before it counts as failed. Default 60 000 ms. */
  readonly startWithinMs?: number | 'infinity';
}

interface AnySupervisorChild extends AnyChild {
  readonly kind: 'supervisor';
  /** Default `infinity`, so that its children get their own deadlines. */
  readonly shutdown?: Shutdown;
}

/** A permanent child comes back, so its end cannot be significant. */
type MaySignify =
  | { readonly restart: Restart; readonly significant?: false }
  | { readonly restart: 'transient' | 'temporary'; readonly significant?: boolean };

/** A supervisor that ends by itself on purpose must not be brought back each time. */
type Supervised =
  | { readonly restart: Restart; readonly supervisor: LastingSupervisorSpec }
  | { readonly restart: 'transient' | 'temporary'; readonly supervisor: SupervisorSpec };

export type WorkerSpec = AnyWorker & MaySignify;
export type SupervisorChildSpec = AnySupervisorChild & MaySignify & Supervised;
export type ChildSpec = WorkerSpec | SupervisorChildSpec;

/** A child whose end never shuts its supervisor down. */
export type PlainChildSpec = ChildSpec & { readonly significant?: false };

/** Pauses between a failure and the restart: `initialMs` × `factor`ⁿ up to `maxMs`, plus up to `jitter` of itself. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** 0 to 1. */
  readonly jitter: number;
  /** A run at least this long makes the next pause the first one again. Default: (initialMs + maxMs) / 2. */
  readonly resetAfterMs?: number;
}

interface AnySupervisor {
  /** More than `restarts` within `periodMs` exhaust the supervisor. Default: 1 in 5000 ms. */
  readonly intensity?: { readonly restarts: number; readonly periodMs: number };
  /** Default: 100 ms doubling to 10 s, jitter 0.2. `none` restarts at once, as OTP does. */
  readonly backoff?: Backoff | 'none';
}

interface AnyStatic extends AnySupervisor {
  readonly strategy: 'one-for-one' | 'one-for-all' | 'rest-for-one';
  /**
   * When restarts are exhausted: `escalate` (default) stops the children and ends with `shutdown`, so that the
   * parent decides; `park` stops the children, raises an alarm and waits for `retry`, and nothing goes further up.
   */
  readonly onExhausted?: 'escalate' | 'park';
}

interface AnyDynamic extends AnySupervisor {
  /** Children of one kind, started later with `startChild`, independent of each other, stopped in parallel. */
  readonly strategy: 'dynamic';
  readonly childKind: 'worker' | 'supervisor';
  readonly maxChildren?: number;
  /**
   * `escalate` (default): one budget for all children, as in OTP. `park-child`: each child has a budget of its
   * own and is parked alone until `retryChild`.
   */
  readonly onExhausted?: 'escalate' | 'park-child';
}

/** A supervisor that never ends by itself on purpose. None of its children may be significant. */
export type LastingSupervisorSpec =
  | (AnyStatic & { readonly autoShutdown?: 'never'; readonly children: readonly PlainChildSpec[] })
  | (AnyDynamic & { readonly autoShutdown?: 'never' });

/** A supervisor that stops the others and ends with `shutdown` when any, or the last, significant child ended. */
export type EndingSupervisorSpec =
  | (AnyStatic & { readonly autoShutdown: AutoShutdown; readonly children: readonly ChildSpec[] })
  | (AnyDynamic & { readonly autoShutdown: AutoShutdown });

type AutoShutdown = 'any-significant' | 'all-significant';

export type SupervisorSpec = LastingSupervisorSpec | EndingSupervisorSpec;
