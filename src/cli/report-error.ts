import { status } from '@grpc/grpc-js';
import { type StewardError, toStewardError } from '../errors/steward-error.js';
import type { Cli } from './cli.js';
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.js';
import { plainText } from './plain-text.js';
import { styleFor } from './style.js';
import { UsageError } from './usage-error.js';

/** Says on stderr what happened and what to do, as text or with --json as one object; answers the exit code. */
export function reportError(cli: Cli, verb: string, thrown: unknown, json: boolean): ExitCode {
  const error = toStewardError(thrown);
  if (cli.interrupted.aborted && error.code === 'cancelled') return EXIT.interrupted;
  const remedy = remedyOf(error);
  if (json) {
    const { code, message } = error;
    const told = {
      code,
      status: status[error.entry.status],
      message,
      retryable: error.entry.retryable,
      remedy,
    };
    cli.stderr.write(`${JSON.stringify({ error: told })}\n`);
  } else {
    const style = styleFor(cli.stderr.isTerminal, cli.env);
    cli.stderr.write(`${style.red(`steward ${verb}:`)} ${messageText(error.message)}\n`);
    cli.stderr.write(`  ${style.dim('→')} ${plainText(remedy)}\n`);
  }
  return exitCodeOf(error.entry.status);
}

function remedyOf(error: StewardError): string {
  if (error instanceof UsageError)
    return 'Nothing was done. `--help` after the verb shows how it is written.';
  return error.entry.remedy;
}

/** Some messages list problems, one per line. */
function messageText(message: string): string {
  const [first = '', ...rest] = message.split('\n');
  return [plainText(first), ...rest.map((line) => `  ${plainText(line).trim()}`)].join('\n');
}
