import { StewardError } from '../errors/steward-error.js';

/** SQLite's answers that another attempt, later, may not meet again. */
const transientCodes = [
  'SQLITE_BUSY',
  'SQLITE_LOCKED',
  'SQLITE_IOERR',
  'SQLITE_CANTOPEN',
  'SQLITE_READONLY',
  'SQLITE_PROTOCOL',
  'SQLITE_NOMEM',
];

/**
 * What a failed statement is for callers: `disk-full` and `unavailable` when another attempt may succeed, else
 * `internal`. knex puts the statement with all its values in front of the driver's message, and values may be
 * secret, so only what the driver itself said is kept, and no cause.
 */
export function toDatabaseError(thrown: unknown): StewardError {
  if (thrown instanceof StewardError) return thrown;
  const code = codeOf(thrown);
  const message = `The database answered ${code}: ${driverMessage(thrown)}.`;
  if (code.startsWith('SQLITE_FULL')) return new StewardError('disk-full', message);
  const transient = transientCodes.some((prefix) => code.startsWith(prefix)) || isPoolTimeout(thrown);
  return new StewardError(transient ? 'unavailable' : 'internal', message);
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return thrown instanceof Error ? thrown.name : 'an unknown failure';
}

function driverMessage(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const separator = message.lastIndexOf(' - ');
  return separator === -1 && !hasCode(thrown) ? 'no statement was run' : message.slice(separator + 3);
}

function hasCode(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown;
}

function isPoolTimeout(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'KnexTimeoutError';
}
