import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Http, HttpAnswer, HttpGetOptions, HttpOpenOptions, HttpStream } from '../http.js';

/** HTTP over the machine's network, with Node's own client. */
export class RealHttp implements Http {
  async get(url: string, options: HttpGetOptions): Promise<HttpAnswer> {
    const answer = await fetch(url, { redirect: 'manual', signal: options.signal });
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of answer.body ?? []) {
      sizeBytes += chunk.length;
      if (sizeBytes > options.limitBytes)
        throw new Error(`the answer is longer than ${options.limitBytes} bytes`);
      chunks.push(chunk);
    }
    return { status: answer.status, body: Buffer.concat(chunks) };
  }

  /** Not with fetch, which takes apart what is compressed on its way: ranges and digests are of what is sent. */
  open(url: string, options: HttpOpenOptions): Promise<HttpStream> {
    return new Promise((resolve, reject) => {
      const start = url.startsWith('https:') ? requestHttps : requestHttp;
      const headers = { 'accept-encoding': 'identity', ...options.headers };
      const request = start(url, { headers, signal: options.signal, agent: false });
      request.once('response', (answer) => resolve(streamOf(answer)));
      request.on('error', reject);
      request.end();
    });
  }
}

function streamOf(answer: IncomingMessage): HttpStream {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  // Who reads the body hears of it; a body that nobody reads yet must not end the program.
  answer.on('error', () => undefined);
  return { status: answer.statusCode ?? 0, headers, body: answer };
}
