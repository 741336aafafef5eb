import { expect, test } from 'vitest';
import { fetchOneTimeSecret, scrub } from '../../src/content/git-credentials.js';
import type { Http, HttpAnswer } from '../../src/gateways/http.js';
import { realWorld } from '../../src/gateways/real/world.js';

const signal = new AbortController().signal;

test.each([
  ['ada:secret', { user: 'ada', password: 'secret' }],
  ['ada:with:colons', { user: 'ada', password: 'with:colons' }],
  ['token alone', { user: '', password: 'token alone' }],
])('a one-time answer %j is understood', async (body, credentials) => {
  expect(
    await fetchOneTimeSecret(instantWorld(), answers({ status: 200, body }), 'http://x', signal),
  ).toEqual(credentials);
});

test('a server that is not ready yet is asked again, a few times', async () => {
  const late = answers({ status: 503, body: '' }, undefined, { status: 200, body: 'a:b' });
  expect(await fetchOneTimeSecret(instantWorld(), late, 'http://x', signal)).toEqual({
    user: 'a',
    password: 'b',
  });
  const never = answers({ status: 403, body: 'no' });
  await expect(fetchOneTimeSecret(instantWorld(), never, 'http://host/secret', signal)).rejects.toMatchObject(
    {
      code: 'git-failed',
      message: 'the one-time secret could not be fetched: its server answered 403',
    },
  );
});

test('an answer that cannot be credentials is refused', async () => {
  const evil = answers({ status: 200, body: 'ada:x\nhost=evil' });
  await expect(fetchOneTimeSecret(instantWorld(), evil, 'http://x', signal)).rejects.toMatchObject({
    code: 'invalid-argument',
  });
});

test('messages lose the secret, plain or as in URLs, and whoever stands before a host', () => {
  const said = 'fatal: https://ada:p%40ss@example.org/x: p@ss was wrong for ssh://bob@host/x';
  expect(scrub(said, { user: 'ada', password: 'p@ss' })).toBe(
    'fatal: https://***@example.org/x: *** was wrong for ssh://***@host/x',
  );
});

/** Answers in order, the last one again and again; undefined is a server that cannot be reached. */
function answers(...given: readonly ({ status: number; body: string } | undefined)[]): Http {
  let asked = 0;
  return {
    open: () => Promise.reject(new Error('nothing to open')),
    get: async (): Promise<HttpAnswer> => {
      const answer = given[Math.min(asked, given.length - 1)];
      asked += 1;
      if (answer === undefined) throw new Error('ECONNREFUSED');
      return { status: answer.status, body: Buffer.from(answer.body) };
    },
  };
}

/** Pauses pass at once; deadlines, which are longer, never come. */
function instantWorld() {
  const world = realWorld();
  const clock = {
    now: () => world.clock.now(),
    monotonic: () => world.clock.monotonic(),
    schedule: (at: number, callback: () => void) =>
      at - world.clock.now() < 20_000 ? world.clock.schedule(0, callback) : { cancel: () => undefined },
  };
  return { ...world, clock };
}
