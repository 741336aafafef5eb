import { StewardError } from '../../errors/steward-error.js';
import { withDeadline } from '../../gateways/deadline.js';
import type { HttpStream } from '../../gateways/http.js';
import { DOWNLOAD_ANSWER_DEADLINE_MS, DOWNLOAD_REDIRECTS_MAX, DOWNLOAD_STALL_MS } from './bounds.js';
import type { InitializeContext } from './plan.js';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Answers that another try may change. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

type Way = Pick<InitializeContext, 'http' | 'signal' | 'world'>;

/**
 * Asks for a URL and follows a few redirects, never from https to http. Fails with `download-failed` for what
 * will not change, and with a plain error for what may be tried again.
 */
export async function open(
  url: string,
  headers: Readonly<Record<string, string>>,
  way: Way,
): Promise<HttpStream> {
  let at = new URL(url);
  for (let redirects = 0; redirects <= DOWNLOAD_REDIRECTS_MAX; redirects += 1) {
    const answer = await answerOf(at, headers, way);
    if (PASSING.has(answer.status)) {
      answer.body.destroy();
      throw new Error(`the server answered ${answer.status}`);
    }
    if (!REDIRECTS.has(answer.status)) return answer;
    answer.body.destroy();
    at = redirected(at, answer.headers['location']);
  }
  throw failed(url, `is redirected more than ${DOWNLOAD_REDIRECTS_MAX} times`);
}

/** The body of an answer as it comes. Fails when nothing comes for too long. */
export async function* bodyOf(answer: HttpStream, { world }: Way): AsyncGenerator<Buffer> {
  const { clock } = world;
  let isMoving = true;
  const look = () => {
    if (!isMoving) answer.body.destroy(new Error('the server stopped sending'));
    isMoving = false;
    return clock.schedule(clock.now() + DOWNLOAD_STALL_MS, () => {
      timer = look();
    });
  };
  let timer = look();
  try {
    for await (const chunk of answer.body) {
      isMoving = true;
      yield chunk;
    }
  } finally {
    timer.cancel();
    answer.body.destroy();
  }
}

/** A URL for people: without what follows the path, which is often a secret. */
export function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** The answer may come late, its body even later: the deadline is for its beginning only. */
async function answerOf(
  url: URL,
  headers: Readonly<Record<string, string>>,
  { http, signal, world }: Way,
): Promise<HttpStream> {
  const connection = new AbortController();
  const onAbort = () => connection.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const answer = await withDeadline(
      world.clock,
      DOWNLOAD_ANSWER_DEADLINE_MS,
      'the answer of the server',
      signal,
      (bounded) => {
        bounded.addEventListener('abort', () => connection.abort(bounded.reason), { once: true });
        return http.open(url.href, { headers, signal: connection.signal });
      },
    );
    answer.body.once('close', () => signal.removeEventListener('abort', onAbort));
    return answer;
  } catch (error) {
    signal.removeEventListener('abort', onAbort);
    // A server that does not answer in time may do so the next time.
    throw error instanceof StewardError ? new Error(error.message, { cause: error }) : error;
  }
}

function redirected(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw failed(from.href, 'is redirected to nowhere');
  }
  const to = new URL(location, from);
  if (to.protocol !== 'https:' && to.protocol !== 'http:') {
    throw failed(from.href, 'is redirected to something that is not http or https');
  }
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw failed(from.href, 'is redirected from https to http');
  }
  return to;
}

function failed(url: string, problem: string): StewardError {
  return new StewardError('download-failed', `${shown(url)} ${problem}`);
}
