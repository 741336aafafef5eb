import { type CatalogEntry, catalog, type ErrorCode } from './catalog.js';

/**
 * A failure with a name from the catalogue. `message` is for people and may reach a caller, so it must never
 * hold a secret or an internal path of no use to them; `cause` goes to the log only.
 */
export class StewardError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'StewardError';
    this.code = code;
  }

  get entry(): CatalogEntry {
    return catalog[this.code];
  }
}

/**
 * Any thrown thing as a StewardError: one of ours unchanged, the operating system's refusals by their name, and
 * anything else as `fallback` with itself as cause.
 */
export function toStewardError(thrown: unknown, fallback: ErrorCode = 'internal'): StewardError {
  if (thrown instanceof StewardError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new StewardError(systemCode(thrown) ?? fallback, message, { cause: thrown });
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(catalog, text);
}

function systemCode(thrown: unknown): ErrorCode | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  switch (thrown.code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'disk-full';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'permission-denied';
    case 'EADDRINUSE':
      return 'address-in-use';
    default:
      return undefined;
  }
}
