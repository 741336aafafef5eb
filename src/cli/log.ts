import { Option } from 'commander';
import { destination, type Logger, pino } from 'pino';
import type { Cli } from './cli.js';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];

/** For verbs that run programs. */
export interface LogOptions {
  readonly logLevel?: string;
}

export function logLevelOption(): Option {
  return new Option(
    '--log-level <level>',
    'least severe messages to log (default: warn on a terminal, else info)',
  )
    .choices(LEVELS)
    .env('STEWARD_LOG_LEVEL');
}

/** The programs log to stderr, one JSON object per line; on a terminal only what needs somebody's attention. */
export function programLogger(cli: Pick<Cli, 'stderr'>, options: LogOptions): Logger {
  const level = options.logLevel ?? (cli.stderr.isTerminal ? 'warn' : 'info');
  return pino({ level, base: null }, destination({ fd: 2, sync: true }));
}
