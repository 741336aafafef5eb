import type { InstanceId } from '../../machines/ids.js';
import type { CommandEnd } from '../../machines/workspace-phase.js';
import type { ExecRequest, RunningExec } from './exec.js';
import type { LogOptions, LogPiece } from './log.js';

/**
 * How an instance's container is run and found again. It keeps nothing in memory that matters: after a restart
 * every method finds what an earlier life started. Each instance runs at most once, ever.
 */
export interface WorkspaceRuntime {
  /** Runs the command unless it ran before; resolves once it is known to run or to have ended. */
  start(run: RunRequest, signal: AbortSignal): Promise<RunState>;
  /** Takes up what an earlier life of ours, or this one, started. */
  adopt(instance: InstanceId): Promise<RunState>;
  /** Resolves when the command has ended, nothing it started is left, and its log is complete. */
  ended(instance: InstanceId, signal: AbortSignal): Promise<CommandEnd>;
  /**
   * Asks all of its processes to end, kills what is left at `killAt` (milliseconds since the epoch), and resolves
   * when nothing is left and the log is complete. What was never started cannot be started afterwards; then there
   * is no end.
   */
  stop(instance: InstanceId, killAt: number, signal: AbortSignal): Promise<CommandEnd | undefined>;
  /** The command's output as far as it is kept, and with `follow` what comes until `isOver` and all was read. */
  logs(instance: InstanceId, options: LogOptions): AsyncIterable<LogPiece>;
  /**
   * Runs another command beside the instance's own. `wrong-state` when that one does not run, `overloaded` when
   * too many run already. A command that cannot be started ends as shells tell it, with 126 or 127.
   */
  exec(instance: InstanceId, request: ExecRequest): Promise<RunningExec>;
  /** Replaces the keys that may log in to servers run in the instance; nothing happens when it does not run. */
  authorize(instance: InstanceId, sshKeys: readonly string[]): Promise<void>;
  /** Where a program of the instance, and of no other, can be reached that listens on the port. */
  listener(instance: InstanceId, port: number): Promise<Listener | undefined>;
  /** Forgets a run that has ended, its log included. */
  remove(instance: InstanceId): Promise<void>;
}

export interface RunRequest {
  readonly instance: InstanceId;
  readonly work: Work;
  /** Exactly what the command gets, plus HOME and STEWARD_RUN. */
  readonly env: Readonly<Record<string, string>>;
  /** The content; the command starts in `location` below it if that is a folder, else in the content itself. */
  readonly contentFolder: string;
  readonly location: string;
  /** Who commits, when nothing else says so; '' for nobody. */
  readonly git: { readonly name: string; readonly email: string };
  /** Lines of an authorized_keys file. */
  readonly sshKeys: readonly string[];
}

export type Work =
  /** Program and arguments; at least one. */
  | { readonly kind: 'command'; readonly command: readonly string[] }
  /** All at the same time. The run ends with the last of them, and with the code of the first that failed. */
  | { readonly kind: 'tasks'; readonly tasks: readonly Task[] };

/** What an instance without anybody at it does. Its log also goes into the content, where the daemon finds it. */
export interface Task {
  /** Letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  /** For the shell, bash where there is one. May be secret. */
  readonly script: string;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
}

export type RunState =
  | { readonly state: 'absent' }
  /** It was stopped before it started. */
  | { readonly state: 'never-started' }
  | { readonly state: 'running' }
  | { readonly state: 'ended'; readonly end: CommandEnd };
