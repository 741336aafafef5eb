import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Access, TOKEN_HEADER } from '../../../src/runtime/ports/access.js';

function asking(headers: Record<string, string>): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { method: 'GET', url: '/', headers });
  return request;
}

const basic = (password: string) => `Basic ${Buffer.from(`owner:${password}`).toString('base64')}`;

describe('a private port', () => {
  it('opens to its token and to nothing else', () => {
    const access = new Access('secret', 'door');
    expect(access.enter(asking({ [TOKEN_HEADER]: 'secret' }))).toEqual({ kind: 'header' });
    expect(access.enter(asking({ 'proxy-authorization': basic('secret') }))).toEqual({ kind: 'header' });
    expect(access.enter(asking({ [TOKEN_HEADER]: 'other' }))).toEqual({ kind: 'refused' });
    expect(access.enter(asking({}))).toEqual({ kind: 'refused' });
  });

  it.each([{ [TOKEN_HEADER]: '' }, { 'proxy-authorization': basic('') }, {}])(
    'whose token was lost opens to nobody: %j',
    (headers) => {
      expect(new Access('', 'door').enter(asking(headers))).toEqual({ kind: 'refused' });
    },
  );
});
