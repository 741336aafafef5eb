import type { Readable } from 'node:stream';

/**
 * Child processes. Each starts as the leader of its own process group, and kill reaches the whole group, so
 * nothing a child started stays behind. The environment is exactly what is given.
 */
export interface Processes {
  /** Never throws: a program that cannot be started ends with `failed` in its exit. */
  start(command: ProcessCommand): RunningProcess;
  /** Starts a process that outlives this one, with its output in `logPath`; resolves once it runs. */
  startDetached(command: DetachedCommand): Promise<ProcessIdentity>;
  /** Whether the very process (not another one under a reused pid) is still there. */
  isAlive(identity: ProcessIdentity): Promise<boolean>;
  /** Signals the group that `identity` leads; false when it is gone. */
  signalGroup(identity: ProcessIdentity, signal: KillSignal): Promise<boolean>;
  /** Signals this one process; false when it is gone. */
  signalProcess(identity: ProcessIdentity, signal: KillSignal): Promise<boolean>;
  /** This very process. */
  self(): ProcessIdentity;
  /** Whether a program of that name is on the PATH, and where. */
  find(program: string): Promise<string | undefined>;
}

/** By name, those of Linux (signal(7)). */
export type KillSignal = NodeJS.Signals;

export interface ProcessCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** A stream or bytes to feed; absent: no input. */
  readonly input?: Readable | Uint8Array;
  /** One-shot data on extra descriptors, starting at 3: for secrets, which never go into argv or environment. */
  readonly pipes?: readonly Uint8Array[];
  /** Aborting kills the group with SIGKILL. */
  readonly signal?: AbortSignal;
}

export interface DetachedCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly logPath: string;
  /** Takes the output instead, on its standard input, until nobody can write any more; outlives us as well. */
  readonly logger?: LoggerCommand;
  /**
   * Called before the program may do anything: it has to read a line from its standard input first, and gets
   * none when this fails or we are gone.
   */
  readonly hold?: (pid: number) => Promise<void>;
}

/** Runs as who we are, in a session of its own. */
export interface LoggerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface RunningProcess {
  /** undefined when it could not be started. */
  readonly pid: number | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves once the process has ended and its output is drained; never rejects. */
  readonly exit: Promise<ProcessExit>;
  kill(signal: KillSignal): void;
}

export type ProcessExit =
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'failed'; readonly error: Error };

/** Enough to know a process again after a restart of ours: pids are reused, start times on one boot are not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot (proc(5)). */
  readonly startTicks: number;
  /** /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
}
