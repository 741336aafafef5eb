import { StewardError } from '../../errors/steward-error.js';
import { errorCode } from '../../gateways/file-error.js';
import { type FailedAnswer, remoteFailure } from '../remote-failure.js';

/** What a failure of the SDK means for callers. */
export function s3Failure(error: unknown, where: string): StewardError {
  return error instanceof StewardError ? error : remoteFailure(answerIn(error), where);
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

export function answerIn(error: unknown): FailedAnswer {
  if (!(error instanceof Error)) return { name: 'unknown', status: undefined, system: undefined };
  return { name: error.name, status: statusIn(error), system: errorCode(error) };
}

function statusIn(error: Error): number | undefined {
  if (!('$metadata' in error)) return undefined;
  const { httpStatusCode } = Object(error.$metadata);
  return typeof httpStatusCode === 'number' ? httpStatusCode : undefined;
}
