import type { User } from '../config/state-folder.js';
import type { World } from '../gateways/world.js';

/** Where the command writes: a terminal, a pipe, or a test's memory. */
export interface Sink {
  write(text: string | Uint8Array): void;
  readonly isTerminal: boolean;
  /** Characters in a line; undefined when nobody knows. */
  readonly columns: number | undefined;
}

/** What the command has of its process; tests pass their own. */
export interface Cli {
  readonly world: World;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results. */
  readonly stdout: Sink;
  /** Progress, hints and errors. */
  readonly stderr: Sink;
  /** Aborts on SIGINT or SIGTERM; the second signal ends the process without asking anybody. */
  readonly interrupted: AbortSignal;
  /** Who runs the command; decides where things are. */
  readonly user: User;
  readonly userName: string;
}
