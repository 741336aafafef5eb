import type { Http, HttpAnswer, HttpGetOptions } from '../http.js';

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
}
