import { type Command, Option } from 'commander';
import { durationArgument } from './arguments.js';

/** What every verb understands, before or after its name. */
export interface GlobalOptions {
  /** State folder of the local system. */
  readonly state: string | undefined;
  /** Of the program the verb talks to. */
  readonly address: string | undefined;
  readonly tlsCa: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly json: boolean;
  readonly timeoutMs: number | undefined;
  readonly quiet: boolean;
}

export function addGlobalOptions(program: Command): void {
  program
    .option('--state <folder>', 'state folder of the local system (or STEWARD_STATE)')
    .option('--address <address>', 'talk to this program: unix:/path or host:port')
    .option('--tls-ca <file>', 'certificates of the authorities to trust (PEM)')
    .option('--tls-cert <file>', 'client certificate (PEM)')
    .option('--tls-key <file>', 'key of the client certificate (PEM)')
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
  const { state, address, tlsCa, tlsCert, tlsKey, json, timeout, quiet } = command.optsWithGlobals<{
    state?: string;
    address?: string;
    tlsCa?: string;
    tlsCert?: string;
    tlsKey?: string;
    json?: boolean;
    timeout?: number;
    quiet?: boolean;
  }>();
  const { STEWARD_STATE: stateOfEnvironment } = env;
  return {
    state: state ?? (stateOfEnvironment === '' ? undefined : stateOfEnvironment),
    address,
    tlsCa,
    tlsCert,
    tlsKey,
    json: json === true,
    timeoutMs: timeout,
    quiet: quiet === true,
  };
}
