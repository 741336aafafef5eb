import { StewardError } from '../../errors/steward-error.js';
import { type FailedAnswer, remoteFailure } from '../remote-failure.js';

/** What a failure of the library means for callers. */
export function gcsFailure(error: unknown, where: string): StewardError {
  return error instanceof StewardError ? error : remoteFailure(answerIn(error), where);
}

/** Neither the bucket nor the object is there: the service does not tell which. */
export function saysNotFound(error: unknown): boolean {
  return answerIn(error).status === 404;
}

/** Somebody else was first. */
export function saysConflict(error: unknown): boolean {
  return answerIn(error).status === 409;
}

/** The library has numbers and words in `code`, and reasons in a list. */
function answerIn(error: unknown): FailedAnswer {
  const { code, status, errors, message } = Object(error);
  const [first] = Array.isArray(errors) ? errors : [];
  const { reason } = Object(first);
  const number = [code, status].map(Number).find((value) => value >= 100 && value < 600);
  const system = typeof code === 'string' && number === undefined ? code : undefined;
  return { name: typeof reason === 'string' ? reason : nameIn(String(message)), status: number, system };
}

/** What has no code. */
function nameIn(message: string): string {
  if (message.includes('default credentials')) return 'DefaultCredentialsMissing';
  return message.includes('invalid_grant') ? 'invalid_grant' : '';
}
