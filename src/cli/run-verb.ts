import type { Command } from 'commander';
import type { Cli } from './cli.js';
import { globalOptionsOf } from './global-options.js';
import { Session } from './session.js';

/**
 * A verb's work. What it answers becomes the exit code, an ExitCode except where a command's own is passed on;
 * nothing means success.
 */
export type VerbBody = (session: Session) => Promise<number | undefined>;

/** How verbs are run; the program collects the exit code. */
export type RunVerb = (command: Command, body: VerbBody) => Promise<void>;

export async function runVerb(cli: Cli, command: Command, body: VerbBody): Promise<number | undefined> {
  const session = new Session(cli, globalOptionsOf(command, cli.env));
  try {
    return await body(session);
  } catch (thrown) {
    throw session.explain(thrown);
  } finally {
    session.close();
  }
}

/** Appended to a verb's help. */
export function example(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}
