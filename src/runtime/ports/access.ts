import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Header that existing clients send the owner's token in. */
export const TOKEN_HEADER = 'x-gitpod-owner-token';
/** Parameter of a URL that a browser is sent to once, and gets a cookie instead. */
export const TOKEN_PARAMETER = 'steward-token';
const COOKIE_PREFIX = 'steward-port-';

/** Who may enter a private port, and how that was shown. */
export type Entry =
  | { readonly kind: 'header' }
  | { readonly kind: 'cookie' }
  /** A browser with the token in its URL: it gets the cookie and is sent to the rest of the URL. */
  | { readonly kind: 'link'; readonly location: string; readonly cookie: string }
  | { readonly kind: 'refused' };

/**
 * The door of one private port. A browser sends its cookies to all ports of a host, other workspaces' programs
 * included: so the cookie is not the token and opens this door only.
 */
export class Access {
  readonly #token: Buffer;
  /** Without a token, as after its record was lost, nobody can show one: an empty one is none. */
  readonly #isShut: boolean;
  readonly #cookieName: string;
  readonly #cookieValue: string;

  /** `door`: what tells this port from all others, on this machine and over time. */
  constructor(token: string, door: string) {
    this.#token = digest(token);
    this.#isShut = token === '';
    this.#cookieName = `${COOKIE_PREFIX}${createHash('sha256').update(door).digest('hex').slice(0, 16)}`;
    this.#cookieValue = createHmac('sha256', token).update(door).digest('base64url');
  }

  enter(request: IncomingMessage): Entry {
    const { headers, url = '/' } = request;
    if (this.#isShut) return { kind: 'refused' };
    // Not handed on even by somebody who may enter: the program behind the door would see it.
    if (url.includes(TOKEN_PARAMETER)) return this.#follow(request.method, url);
    const inHeader = headers[TOKEN_HEADER];
    if (typeof inHeader === 'string' && this.#isToken(inHeader)) return { kind: 'header' };
    const proxied = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(headers['proxy-authorization'] ?? '')?.[1];
    if (proxied !== undefined && this.#isToken(passwordOf(proxied))) return { kind: 'header' };
    if (this.#hasCookie(headers.cookie) && isOwnPage(request)) return { kind: 'cookie' };
    return { kind: 'refused' };
  }

  #follow(method: string | undefined, url: string): Entry {
    if (method !== 'GET' && method !== 'HEAD') return { kind: 'refused' };
    const whole = `http://host${url}`;
    const parsed = url.startsWith('/') && URL.canParse(whole) ? new URL(whole) : undefined;
    const given = parsed?.searchParams.get(TOKEN_PARAMETER);
    if (parsed === undefined || !given || !this.#isToken(given)) return { kind: 'refused' };
    parsed.searchParams.delete(TOKEN_PARAMETER);
    const cookie = `${this.#cookieName}=${this.#cookieValue}; Path=/; HttpOnly; SameSite=Lax`;
    // Never `//…`, which would lead to another host.
    return { kind: 'link', location: `/${parsed.pathname.replace(/^\/+/, '')}${parsed.search}`, cookie };
  }

  #isToken(text: string): boolean {
    return timingSafeEqual(digest(text), this.#token);
  }

  #hasCookie(header: string | undefined): boolean {
    const cookies = (header ?? '').split(';').map((cookie) => cookie.trim());
    const wanted = digest(`${this.#cookieName}=${this.#cookieValue}`);
    return cookies.some((cookie) => timingSafeEqual(digest(cookie), wanted));
  }
}

/** What a program behind a door may see of a request: none of our secrets, for this door or another. */
export function withoutSecrets(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    const lower = name.toLowerCase();
    if (lower === TOKEN_HEADER || lower === 'proxy-authorization') continue;
    if (lower !== 'cookie') {
      kept.push(name, value);
      continue;
    }
    const others = value.split(';').filter((cookie) => !cookie.trim().startsWith(COOKIE_PREFIX));
    if (others.length > 0) kept.push(name, others.join(';').trim());
  }
  return kept;
}

/**
 * Cookies are sent with what pages of other ports of this host ask for, too. A browser tells for whom it asks when
 * that could do harm.
 */
function isOwnPage({ headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

function passwordOf(basic: string): string {
  const text = Buffer.from(basic, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
