import type { InstanceId } from '../../machines/ids.js';
import type { CommandEnd } from '../../machines/workspace-phase.js';

/**
 * How an instance's container is run and found again. It keeps nothing in memory that matters: after a restart
 * every method finds what an earlier life started. Each instance runs at most once, ever.
 */
export interface WorkspaceRuntime {
  /** Runs the command unless it ran before; resolves once it is known to run or to have ended. */
  start(run: RunRequest, signal: AbortSignal): Promise<RunState>;
  /** Takes up what an earlier life of ours, or this one, started. */
  adopt(instance: InstanceId): Promise<RunState>;
  /** Resolves when the command has ended and nothing it started in its group is left. */
  ended(instance: InstanceId, signal: AbortSignal): Promise<CommandEnd>;
  /**
   * Asks all of the group to end, kills what is left at `killAt` (milliseconds since the epoch), and resolves when
   * nothing of it is left. What was never started cannot be started afterwards; then there is no end.
   */
  stop(instance: InstanceId, killAt: number, signal: AbortSignal): Promise<CommandEnd | undefined>;
  /** The command's output so far as it was written, and with `follow` what comes until `isOver` and all was read. */
  logs(instance: InstanceId, options: LogOptions): AsyncIterable<Uint8Array>;
  /** Forgets a run that has ended, its log included. */
  remove(instance: InstanceId): Promise<void>;
}

export interface RunRequest {
  readonly instance: InstanceId;
  /** Program and arguments; at least one. */
  readonly command: readonly string[];
  /** Exactly what the command gets, plus HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** The content; the command starts in `location` below it if that is a folder, else in the content itself. */
  readonly contentFolder: string;
  readonly location: string;
}

export type RunState =
  | { readonly state: 'absent' }
  /** It was stopped before it started. */
  | { readonly state: 'never-started' }
  | { readonly state: 'running' }
  | { readonly state: 'ended'; readonly end: CommandEnd };

export interface LogOptions {
  readonly follow: boolean;
  /** Begin with the last so many lines; undefined: from the beginning. */
  readonly tailLines: number | undefined;
  /** Whether nothing will be written any more. */
  readonly isOver: () => boolean;
  readonly signal: AbortSignal;
}
