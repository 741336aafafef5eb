import type { Command } from 'commander';
import type { Cli } from './cli.js';
import { type GlobalOptions, globalOptionsOf } from './global-options.js';
import { Session } from './session.js';

/**
 * A verb's work. What it answers becomes the exit code, an ExitCode except where a command's own is passed on;
 * nothing means success.
 */
export type VerbBody = (session: Session) => Promise<number | undefined>;

/** How verbs are run; the program collects the exit code. */
export type RunVerb = (command: Command, body: VerbBody) => Promise<void>;

export async function runVerb(cli: Cli, command: Command, body: VerbBody): Promise<number | undefined> {
  const session = new Session(cli, await inContext(cli, globalOptionsOf(command, cli.env)));
  try {
    return await body(session);
  } catch (thrown) {
    throw session.explain(thrown);
  } finally {
    session.close();
  }
}

/** What the context says, where the command line does not say it itself. */
export async function inContext(cli: Cli, options: GlobalOptions): Promise<GlobalOptions> {
  if (options.context === undefined) return options;
  const { readContext } = await import('./context-file.js');
  const context = await readContext(cli.world.files, cli.user, options.context);
  const isElsewhere = options.address !== undefined || options.state !== undefined;
  return {
    ...options,
    // Certificates belong to an address: those of the context are not for another one.
    ...(isElsewhere ? {} : { address: context.address, state: context.state }),
    tlsCa: options.tlsCa ?? (isElsewhere ? undefined : context.tlsCa),
    tlsCert: options.tlsCert ?? (isElsewhere ? undefined : context.tlsCert),
    tlsKey: options.tlsKey ?? (isElsewhere ? undefined : context.tlsKey),
    tlsServerName: options.tlsServerName ?? (isElsewhere ? undefined : context.serverName),
  };
}

/** Appended to a verb's help. */
export function example(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}
