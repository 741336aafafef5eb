import type { KillSignal } from '../gateways/processes.js';

/** A command to run beside the one of an instance, as its user and with its environment. */
export interface ExecRequest {
  /** Program and arguments; at least one. */
  readonly command: readonly string[];
  /** Added to the environment of the instance's own command. May be secret. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute, inside the instance; '' for the folder its own command started in. */
  readonly workingFolder: string;
  /** Present: it gets a terminal of that size. */
  readonly terminal: TerminalSize | undefined;
}

/** In characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface RunningExec {
  /** 0 when not known. */
  readonly pid: number;
  /** What it writes, until it has ended. With a terminal all of it is stdout. To be read once. */
  readonly output: AsyncIterable<ExecOutput>;
  /** Resolves when there is room for more. What comes after the command closed its input is dropped. */
  write(data: Uint8Array): Promise<void>;
  /** No more input comes; with a terminal that is what Ctrl-D is at the beginning of a line. */
  endInput(): void;
  resize(size: TerminalSize): Promise<void>;
  /** To the command's group, with a terminal to the group that has it. */
  signal(signal: KillSignal): Promise<void>;
  /** Resolves when it has ended and its output was read (or it was killed); never rejects. */
  readonly end: Promise<ExecEnd>;
  /** Takes its terminal away, kills what is left of it, and resolves when it has ended. */
  kill(): Promise<void>;
}

export interface ExecOutput {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Uint8Array;
}

export type ExecEnd =
  | { readonly kind: 'code'; readonly code: number }
  /** Number of the signal that killed it. */
  | { readonly kind: 'signal'; readonly signal: number };
