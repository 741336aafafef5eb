import type { Command } from 'commander';
import type { Cli } from './cli.js';
import type { ExitCode } from './exit-code.js';
import { globalOptionsOf } from './global-options.js';
import { Session } from './session.js';

/** A verb's work. What it answers becomes the exit code; nothing means success. */
export type VerbBody = (session: Session) => Promise<ExitCode | undefined>;

/** How verbs are run; the program collects the exit code. */
export type RunVerb = (command: Command, body: VerbBody) => Promise<void>;

export async function runVerb(cli: Cli, command: Command, body: VerbBody): Promise<ExitCode | undefined> {
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
