import type { User } from '../config/state-folder.js';
import type { World } from '../gateways/world.js';

/** Where the command writes: a terminal, a pipe, or a test's memory. */
export interface Sink {
  write(text: string | Uint8Array): void;
  readonly isTerminal: boolean;
  /** Characters in a line; undefined when nobody knows. */
  readonly columns: number | undefined;
  /** Lines on the screen; undefined when nobody knows. */
  readonly rows: number | undefined;
  /** Calls back when `columns` or `rows` change; answers what ends that. */
  onResize(listener: () => void): () => void;
}

/** Where the command reads: a terminal, a pipe, or a test's memory. */
export interface Input {
  readonly isTerminal: boolean;
  /** true: keys come as they are pressed, Ctrl-C like any other; false: lines. Nothing changes without a terminal. */
  setRaw(isRaw: boolean): void;
  /** What comes; to be read once. */
  read(): AsyncIterable<Uint8Array>;
  /** Ends the reading, which would keep the process. */
  close(): void;
}

/** What the command has of its process; tests pass their own. */
export interface Cli {
  readonly world: World;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Input;
  /** Results. */
  readonly stdout: Sink;
  /** Progress, hints and errors. */
  readonly stderr: Sink;
  /** Aborts on SIGINT or SIGTERM; the second signal ends the process without asking anybody. */
  readonly interrupted: AbortSignal;
  /** From now on the number of each SIGINT and SIGTERM goes to the listener, and nowhere else; answers what ends that. */
  takeSignals(listener: (signal: number) => void): () => void;
  /** Who runs the command; decides where things are. */
  readonly user: User;
  readonly userName: string;
}
