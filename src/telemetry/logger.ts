import { type DestinationStream, type Level, type Logger, pino } from 'pino';
import type { Clock } from '../gateways/clock.js';
import { prettyLine } from './pretty-line.js';

export interface LoggerOptions {
  readonly program: string;
  readonly level: Level;
  /** One line for people instead of JSON; for a terminal. */
  readonly isPretty: boolean;
  readonly clock: Clock;
  readonly destination: DestinationStream;
}

/** Keys whose values are never logged, wherever they are in the first three levels. */
const SECRET_KEYS = [
  'accessKey',
  'accessToken',
  'authorization',
  'cookie',
  'credentials',
  'oauthToken',
  'oauth_token',
  'ownerToken',
  'owner_token',
  'password',
  'privateKey',
  'secret',
  'secretKey',
  'secrets',
  'token',
  'tokens',
];

/** Logs with the fields `owner`, `workspace`, `instance` and `err`; secrets are replaced by their keys' names. */
export function createLogger(options: LoggerOptions): Logger {
  const { destination } = options;
  const pretty = { write: (line: string) => destination.write(prettyLine(line)) };
  return pino(
    {
      base: { program: options.program },
      level: options.level,
      timestamp: () => `,"time":${options.clock.now()}`,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]),
        censor: '[secret]',
      },
    },
    options.isPretty ? pretty : destination,
  );
}
