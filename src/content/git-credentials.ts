import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import { withDeadline } from '../gateways/deadline.js';
import type { Http } from '../gateways/http.js';
import type { World } from '../gateways/world.js';
import {
  GIT_CREDENTIAL_ANSWERS_MAX,
  ONE_TIME_SECRET_ATTEMPTS_MAX,
  ONE_TIME_SECRET_BYTES_MAX,
  ONE_TIME_SECRET_DEADLINE_MS,
  ONE_TIME_SECRET_PAUSE_MS,
} from './bounds.js';
import { hasControlCharacters } from './checkout-location.js';
import type { GitCommand } from './git.js';

export interface GitCredentials {
  readonly user: string;
  readonly password: string;
}

/** Reads one answer from descriptor 3 per question; `read` takes no byte more than its line. */
const HELPER =
  '!f() { test "$1" = get || return 0; IFS= read -r u <&3 && IFS= read -r p <&3 && ' +
  'printf "username=%s\\npassword=%s\\n" "$u" "$p"; }; f';

/**
 * What lets a git command answer the questions of one server, and of no other. The secret goes through a pipe:
 * it is in no argument, environment variable or file.
 */
export function credentialAccess(
  credentials: GitCredentials | undefined,
  origin: string | undefined,
): Pick<GitCommand, 'settings' | 'pipes'> {
  if (credentials === undefined || origin === undefined) return {};
  const answer = `${credentials.user}\n${credentials.password}\n`;
  return {
    settings: [[`credential.${origin}.helper`, HELPER]],
    pipes: [Buffer.from(answer.repeat(GIT_CREDENTIAL_ANSWERS_MAX))],
  };
}

/** Credentials are lines on their way to git, so they cannot contain any control character. */
export function checkedCredentials(credentials: GitCredentials, field: string): GitCredentials {
  if (hasControlCharacters(credentials.user) || hasControlCharacters(credentials.password)) {
    throw new StewardError('invalid-argument', `${field} must not contain control characters`);
  }
  return credentials;
}

/**
 * Fetches `user:password` from a URL that works once: everything after the first colon is the password, a body
 * without one is a password alone. Neither the URL nor the answer shows in errors.
 */
export async function fetchOneTimeSecret(
  world: World,
  http: Http,
  url: string,
  signal: AbortSignal,
): Promise<GitCredentials> {
  let problem = 'nothing was tried';
  for (let attempt = 1; attempt <= ONE_TIME_SECRET_ATTEMPTS_MAX; attempt += 1) {
    if (attempt > 1) {
      await sleep(world.clock, ONE_TIME_SECRET_PAUSE_MS * attempt * (0.5 + world.random.fraction()), signal);
    }
    const answer = await withDeadline(
      world.clock,
      ONE_TIME_SECRET_DEADLINE_MS,
      'fetching the one-time secret',
      signal,
      (bounded) => http.get(url, { limitBytes: ONE_TIME_SECRET_BYTES_MAX, signal: bounded }),
    ).catch(() => undefined);
    signal.throwIfAborted();
    if (answer?.status === 200) return parseSecret(answer.body.toString('utf8'));
    problem =
      answer === undefined ? 'its server could not be reached' : `its server answered ${answer.status}`;
  }
  throw new StewardError('git-failed', `the one-time secret could not be fetched: ${problem}`);
}

function parseSecret(body: string): GitCredentials {
  const colon = body.indexOf(':');
  const credentials =
    colon < 0
      ? { user: '', password: body.trim() }
      : { user: body.slice(0, colon), password: body.slice(colon + 1).trim() };
  return checkedCredentials(credentials, 'the one-time secret');
}

/** A text with the secret, and anything before an `@` in a URL, taken out. */
export function scrub(text: string, credentials: GitCredentials | undefined): string {
  const password = credentials?.password ?? '';
  const hidden = [password, encodeURIComponent(password)]
    .filter((secret) => secret !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '***'), text);
  return hidden.replace(/(:\/\/)[^/@\s]*@/g, '$1***@');
}
