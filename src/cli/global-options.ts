import { type Command, Option } from 'commander';
import { durationArgument } from './arguments.js';

/** What every verb understands, before or after its name. */
export interface GlobalOptions {
  /** Name or file of the installation to talk to. */
  readonly context: string | undefined;
  /** State folder of the local system. */
  readonly state: string | undefined;
  /** Of the program the verb talks to. */
  readonly address: string | undefined;
  readonly tlsCa: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsServerName: string | undefined;
  readonly json: boolean;
  readonly timeoutMs: number | undefined;
  readonly quiet: boolean;
}

export function addGlobalOptions(program: Command): void {
  program
    .option(
      '--context <name>',
      'the installation to talk to: a name of `steward context`, or a file (or STEWARD_CONTEXT)',
    )
    .option('--state <folder>', 'state folder of the local system (or STEWARD_STATE)')
    .option('--address <address>', 'talk to this program: unix:/path or host:port')
    .option('--tls-ca <file>', 'certificates of the authorities to trust (PEM)')
    .option('--tls-cert <file>', 'client certificate (PEM)')
    .option('--tls-key <file>', 'key of the client certificate (PEM)')
    .option(
      '--tls-server-name <name>',
      "name in the server's certificate, when it is not that of the address",
    )
    .addOption(
      new Option('--timeout <duration>', 'give up after this long: 30s, 10m, 1h30m').argParser(
        durationArgument,
      ),
    )
    .option('--json', 'results as one JSON object per line on stdout, nothing else there')
    .option('-q, --quiet', 'no progress and no hints on stderr');
}

/** The options of a run; those of the environment where the command line says nothing. */
export function globalOptionsOf(
  command: Command,
  env: Readonly<Record<string, string | undefined>>,
): GlobalOptions {
  const given = command.optsWithGlobals<{
    context?: string;
    tlsServerName?: string;
    state?: string;
    address?: string;
    tlsCa?: string;
    tlsCert?: string;
    tlsKey?: string;
    json?: boolean;
    timeout?: number;
    quiet?: boolean;
  }>();
  const { STEWARD_STATE: stateOfEnvironment, STEWARD_CONTEXT: contextOfEnvironment } = env;
  return {
    context: given.context ?? (contextOfEnvironment || undefined),
    state: given.state ?? (stateOfEnvironment || undefined),
    address: given.address,
    tlsCa: given.tlsCa,
    tlsCert: given.tlsCert,
    tlsKey: given.tlsKey,
    tlsServerName: given.tlsServerName,
    json: given.json === true,
    timeoutMs: given.timeout,
    quiet: given.quiet === true,
  };
}
