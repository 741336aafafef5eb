import type { ErrorCode } from '../../errors/catalog.js';
import { StewardError } from '../../errors/steward-error.js';
import { errorCode } from '../../gateways/file-error.js';

/** What is known of an answer that was not a success. */
export interface S3Answer {
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

/** What a failure means for callers. Never repeats what the server said, which may quote the request. */
export function s3Failure(error: unknown, where: string): StewardError {
  if (error instanceof StewardError) return error;
  const answer = answerIn(error);
  const [code, message] = verdictOn(answer);
  const detail = [answer.status === undefined ? answer.system : `status ${answer.status}`, answer.name]
    .filter((part) => part !== undefined && part !== '')
    .join(', ');
  // What the SDK throws may hold parts of the request.
  const cause = Object.assign(new Error(detail), { name: answer.name });
  return new StewardError(code, `The object storage ${where} cannot do this: ${message} (${detail}).`, {
    cause,
  });
}

/** Whether the server says that there is no such object; a missing bucket is another matter. */
export function saysNoSuchObject(error: unknown): boolean {
  const { name, status } = answerIn(error);
  return name === 'NoSuchKey' || name === 'NotFound' || (status === 404 && name !== 'NoSuchBucket');
}

export function saysNoSuchBucket(error: unknown): boolean {
  return answerIn(error).name === 'NoSuchBucket';
}

/** Also as the cause of one of our failures. */
export function saysNotImplemented(error: unknown): boolean {
  const { name, status } = answerIn(error);
  if (name === 'NotImplemented' || status === 501) return true;
  return error instanceof StewardError && error.cause !== undefined && saysNotImplemented(error.cause);
}

/** Whether bytes were asked for that lie behind the end of the object. */
export function saysBehindEnd(error: unknown): boolean {
  const { name, status } = answerIn(error);
  return name === 'InvalidRange' || status === 416;
}

export function answerIn(error: unknown): S3Answer {
  if (!(error instanceof Error)) return { name: 'unknown', status: undefined, system: undefined };
  return { name: error.name, status: statusIn(error), system: errorCode(error) };
}

function verdictOn({ name, status, system }: S3Answer): Verdict {
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

function statusIn(error: Error): number | undefined {
  if (!('$metadata' in error)) return undefined;
  const { httpStatusCode } = Object(error.$metadata);
  return typeof httpStatusCode === 'number' ? httpStatusCode : undefined;
}
