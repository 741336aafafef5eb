import { Option } from 'commander';
import { destination, type Level, type Logger } from 'pino';
import type { Program } from '../config/state-folder.js';
import { createLogger } from '../telemetry/logger.js';
import type { Cli } from './cli.js';

const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const satisfies readonly Level[];

/** For verbs that run programs. */
export interface LogOptions {
  readonly logLevel?: (typeof LEVELS)[number];
}

export function logLevelOption(): Option {
  return new Option(
    '--log-level <level>',
    'least severe messages to log (default: warn on a terminal, else info)',
  )
    .choices([...LEVELS])
    .env('STEWARD_LOG_LEVEL');
}

/**
 * How the programs log: to stderr, as one JSON object per line; on a terminal as text, and only what needs
 * somebody's attention.
 */
export function programLoggers(
  cli: Pick<Cli, 'stderr' | 'world'>,
  options: LogOptions,
): (program: Program | 'steward') => Logger {
  const { isTerminal } = cli.stderr;
  const level = options.logLevel ?? (isTerminal ? 'warn' : 'info');
  const stderr = destination({ fd: 2, sync: true });
  const { clock } = cli.world;
  return (program) => createLogger({ program, level, isPretty: isTerminal, clock, destination: stderr });
}
