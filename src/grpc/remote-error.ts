import { type ServiceError, status } from '@grpc/grpc-js';
import { type CatalogEntry, catalog, type ErrorCode } from '../errors/catalog.js';
import { StewardError } from '../errors/steward-error.js';
import { ERROR_CODE_TRAILER, ERROR_REMEDY_TRAILER, ERROR_RETRYABLE_TRAILER } from './error-status.js';

/**
 * A failure as a server told it. Its status is the one that came; name and remedy come from our trailers, and
 * from the status alone when the server is not one of ours.
 */
export class RemoteError extends StewardError {
  readonly #entry: CatalogEntry;

  constructor(code: ErrorCode, message: string, entry: CatalogEntry, cause: unknown) {
    super(code, message, { cause });
    this.name = 'RemoteError';
    this.#entry = entry;
  }

  override get entry(): CatalogEntry {
    return this.#entry;
  }
}

/** `peer` is told where the failure is that of the connection. */
export function toRemoteError(error: ServiceError, peer: string): RemoteError {
  const told = trailer(error, ERROR_CODE_TRAILER);
  const code = told !== undefined && isErrorCode(told) ? told : codeOfStatus(error.code);
  const known = catalog[code];
  const retryable = trailer(error, ERROR_RETRYABLE_TRAILER);
  const entry: CatalogEntry = {
    status: error.code,
    retryable: retryable === undefined ? known.retryable : retryable === 'true',
    remedy: trailer(error, ERROR_REMEDY_TRAILER) ?? known.remedy,
  };
  const local = told === undefined && error.code === status.UNAVAILABLE;
  return new RemoteError(code, local ? `${peer}: ${error.details}` : error.details, entry, error);
}

function trailer(error: ServiceError, name: string): string | undefined {
  return error.metadata?.get(name)[0]?.toString();
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(catalog, text);
}

function codeOfStatus(code: status): ErrorCode {
  switch (code) {
    case status.CANCELLED:
      return 'cancelled';
    case status.INVALID_ARGUMENT:
    case status.OUT_OF_RANGE:
      return 'invalid-argument';
    case status.DEADLINE_EXCEEDED:
      return 'deadline-exceeded';
    case status.NOT_FOUND:
      return 'unknown-instance';
    case status.ALREADY_EXISTS:
      return 'already-exists';
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return 'permission-denied';
    case status.RESOURCE_EXHAUSTED:
      return 'overloaded';
    case status.FAILED_PRECONDITION:
      return 'wrong-state';
    case status.ABORTED:
      return 'stale-generation';
    case status.UNIMPLEMENTED:
      return 'not-implemented';
    case status.UNAVAILABLE:
      return 'unavailable';
    case status.DATA_LOSS:
      return 'archive-damaged';
    case status.OK:
    case status.UNKNOWN:
    case status.INTERNAL:
      return 'internal';
  }
}
