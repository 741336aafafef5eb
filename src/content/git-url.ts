import { StewardError } from '../errors/steward-error.js';
import { GIT_ARGUMENT_CHARACTERS_MAX } from './bounds.js';
import { hasControlCharacters } from './checkout-location.js';

/** A clone source that was found good. */
export interface GitUrl {
  /** As git gets it. */
  readonly text: string;
  readonly scheme: 'https' | 'http' | 'ssh' | 'git';
  /** `scheme://host[:port]`, which credentials are bound to; undefined where none can be sent. */
  readonly origin: string | undefined;
}

/** `user@host:path`, as ssh URLs are often written. */
const SCP_LIKE = /^[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-:].*$/;

/**
 * Checks a clone URL: https, ssh, git, and http where the operator allows it (which is decided when it runs).
 * Options, local paths, `file:`, `ext::` and other transports are refused, and passwords inside of URLs too,
 * because URLs end up in the repository's configuration.
 */
export function checkedGitUrl(text: string, field: string): GitUrl {
  const refuse = (problem: string) => new StewardError('invalid-argument', `${field} ${problem}`);
  if (text === '') throw refuse('is empty');
  if (text.length > GIT_ARGUMENT_CHARACTERS_MAX) throw refuse('is too long');
  if (hasControlCharacters(text) || text.includes(' ')) {
    throw refuse('must not contain blanks or control characters');
  }
  if (text.startsWith('-')) throw refuse('must not begin with "-"');
  if (SCP_LIKE.test(text)) return { text, scheme: 'ssh', origin: undefined };
  const [, scheme] = /^([a-z]+):\/\//.exec(text) ?? [];
  if (scheme !== 'https' && scheme !== 'http' && scheme !== 'ssh' && scheme !== 'git') {
    throw refuse('must be an https, ssh or git URL');
  }
  if (!URL.canParse(text)) throw refuse('is not a URL');
  const url = new URL(text);
  if (url.password !== '') {
    throw refuse('must not contain a password: use config.auth_user and config.auth_password');
  }
  if (url.hostname === '' || url.hostname.startsWith('-')) throw refuse('does not name a host');
  if (url.username.startsWith('-') || url.pathname.startsWith('/-')) throw refuse('must not carry options');
  const hasCredentials = scheme === 'https' || scheme === 'http';
  // Tokens are often written in the place of a user, and this text is kept in records and in .git/config.
  if (hasCredentials && url.username !== '') {
    throw refuse('must not contain a user or token: use config.auth_user and config.auth_password');
  }
  return { text, scheme, origin: hasCredentials ? `${scheme}://${url.host}` : undefined };
}

/** A name `git check-ref-format` accepts below refs/heads (git-check-ref-format(1)). */
export function checkedBranch(name: string, field: string): string {
  const refuse = (problem: string) => new StewardError('invalid-argument', `${field} ${problem}`);
  if (name === '') throw refuse('must name a branch');
  if (name.length > GIT_ARGUMENT_CHARACTERS_MAX) throw refuse('is too long');
  const isRefused =
    hasControlCharacters(name) ||
    /[ ~^:?*[\\]|\.\.|@\{|\/\//.test(name) ||
    /^[-/]|[/.]$|^@$/.test(name) ||
    name.split('/').some((part) => part.startsWith('.') || part.endsWith('.lock'));
  if (isRefused) throw refuse('is not a branch name');
  return name;
}

/** A commit's hash, whole or abbreviated. */
export function checkedCommit(hash: string, field: string): string {
  if (/^[0-9a-fA-F]{7,64}$/.test(hash)) return hash;
  throw new StewardError('invalid-argument', `${field} is not the hash of a commit`);
}
