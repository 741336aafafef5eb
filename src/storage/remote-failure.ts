import type { ErrorCode } from '../errors/catalog.js';
import { StewardError } from '../errors/steward-error.js';

/** What is known of an answer that was not a success. */
export interface FailedAnswer {
  /** The code or reason in it. */
  readonly name: string;
  readonly status: number | undefined;
  /** What the system said, when there was no answer at all. */
  readonly system: string | undefined;
}

type Verdict = readonly [code: ErrorCode, message: string];

const byName: Readonly<Record<string, Verdict>> = {
  NoSuchBucket: ['storage-refused', 'the bucket does not exist'],
  InvalidAccessKeyId: ['storage-refused', 'it does not know the access key'],
  SignatureDoesNotMatch: ['storage-refused', 'the secret key is wrong'],
  InvalidToken: ['storage-refused', 'it does not take the session token'],
  ExpiredToken: ['storage-refused', 'the credentials have expired'],
  AccessDenied: ['storage-refused', 'it denies access with these credentials'],
  AllAccessDisabled: ['storage-refused', 'it denies access with these credentials'],
  CredentialsProviderError: ['storage-refused', 'no credentials were found'],
  RequestTimeTooSkewed: ['storage-refused', 'its clock and the one of this machine differ too much'],
  RequestExpired: ['storage-refused', 'its clock and the one of this machine differ too much'],
  PermanentRedirect: ['storage-refused', 'the bucket is in another region, or at another endpoint'],
  TemporaryRedirect: ['storage-refused', 'the bucket is in another region, or at another endpoint'],
  AuthorizationHeaderMalformed: ['storage-refused', 'it expects another region'],
  IllegalLocationConstraintException: ['storage-refused', 'it expects another region'],
  InvalidBucketName: ['storage-refused', 'it does not take the name of the bucket'],
  EntityTooLarge: ['storage-refused', 'the object is larger than it takes'],
  QuotaExceeded: ['disk-full', 'its quota is used up'],
  XMinioStorageFull: ['disk-full', 'it is full'],
  XMinioAdminBucketQuotaExceeded: ['disk-full', 'the quota of the bucket is used up'],
  InsufficientStorage: ['disk-full', 'it is full'],
  PreconditionFailed: ['already-exists', 'an object of this name exists already'],
  ConditionalRequestConflict: ['storage-unavailable', 'another write of the same object was under way'],
  OperationAborted: ['storage-unavailable', 'a conflicting operation was under way'],
  NotImplemented: ['storage-refused', 'it does not know this kind of request'],
  accountDisabled: ['storage-refused', 'the account is disabled'],
  invalid_grant: ['storage-refused', 'it does not take the credentials'],
  DefaultCredentialsMissing: ['storage-refused', 'no credentials were found'],
  rateLimitExceeded: ['storage-unavailable', 'it asks to slow down'],
  quotaExceeded: ['disk-full', 'its quota is used up'],
  RequestTimeout: ['storage-unavailable', 'the request took too long'],
  SlowDown: ['storage-unavailable', 'it asks to slow down'],
};

const byStatus: Readonly<Record<number, Verdict>> = {
  301: ['storage-refused', 'the bucket is in another region, or at another endpoint'],
  307: ['storage-refused', 'the bucket is in another region, or at another endpoint'],
  401: ['storage-refused', 'it does not take the credentials'],
  403: ['storage-refused', 'it denies access with these credentials, or the clocks differ'],
  408: ['storage-unavailable', 'the request took too long'],
  409: ['storage-unavailable', 'a conflicting operation was under way'],
  412: ['already-exists', 'an object of this name exists already'],
  429: ['storage-unavailable', 'it asks to slow down'],
  507: ['disk-full', 'it is full'],
};

/** A certificate that is not trusted, has expired or belongs to somebody else, and a server that speaks no TLS. */
const TLS_PATTERN = /^(?:CERT_|ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/;

/**
 * What a failure of a storage at the other end of a network means for callers. Never repeats what the server said,
 * which may quote the request.
 */
export function remoteFailure(answer: FailedAnswer, where: string): StewardError {
  const [code, message] = verdictOn(answer);
  const detail = [answer.status === undefined ? answer.system : `status ${answer.status}`, answer.name]
    .filter((part) => part !== undefined && part !== '')
    .join(', ');
  // What a library throws may hold parts of the request.
  const cause = Object.assign(new Error(detail), { name: answer.name });
  return new StewardError(code, `The object storage ${where} cannot do this: ${message} (${detail}).`, {
    cause,
  });
}

function verdictOn({ name, status, system }: FailedAnswer): Verdict {
  if (Object.hasOwn(byName, name)) return byName[name] ?? unknownVerdict;
  if (system !== undefined && TLS_PATTERN.test(system)) {
    return ['storage-refused', 'its certificate is not trusted, or it does not speak TLS'];
  }
  if (status === undefined) return ['storage-unavailable', 'it cannot be reached or broke off'];
  const verdict = byStatus[status];
  if (verdict !== undefined) return verdict;
  if (status >= 400 && status < 500) return ['storage-refused', 'it refuses the request'];
  return unknownVerdict;
}

const unknownVerdict: Verdict = ['storage-unavailable', 'it failed'];
