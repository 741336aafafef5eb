import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import { PassThrough, type Readable, Transform } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** From 1, all requests together. */
  readonly number: number;
}

/** What a proxy does with one request in the place of passing it on. */
export type Fault =
  /** Answers itself; the server sees nothing. The request is read whole first. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Breaks the connection off once so many bytes of the request came. */
  | { readonly kind: 'cut-request'; readonly afterBytes: number }
  /** Lets the server do it, and breaks off in the place of its answer. */
  | { readonly kind: 'cut-answer' }
  /** Breaks off within the body of the answer. */
  | { readonly kind: 'cut-body'; readonly afterBytes: number }
  /** Every bit of the answer's body turned around. */
  | { readonly kind: 'flip' }
  | { readonly kind: 'slow'; readonly milliseconds: number }
  /** Takes the connection and never says a word. */
  | { readonly kind: 'silent' };

/** Stands before a server and disturbs what `rule` says. Signatures stay right: it keeps the `Host` it is asked for. */
export class FaultProxy {
  rule: (request: SeenRequest) => Fault | undefined = () => undefined;
  readonly seen: SeenRequest[] = [];
  readonly #target: string;
  readonly #server = createServer((request, answer) => void this.#handle(request, answer));
  #port = 0;

  private constructor(target: string) {
    this.#target = target;
  }

  static async before(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    const address = proxy.#server.address();
    proxy.#port = typeof address === 'object' && address !== null ? address.port : 0;
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const seen = { method, url, headers, number: this.seen.length + 1 };
    this.seen.push(seen);
    request.on('error', () => undefined);
    answer.on('error', () => undefined);
    const fault = this.rule(seen);
    switch (fault?.kind) {
      case 'answer':
        await drained(request);
        answer.writeHead(fault.status, { ...fault.headers }).end(fault.body ?? '');
        return;
      case 'cut-request':
        await drained(request, fault.afterBytes);
        request.socket.destroy();
        return;
      case 'silent':
        request.resume();
        return;
      case 'slow':
        await pause(fault.milliseconds);
        break;
    }
    this.#passOn(request, answer, fault);
  }

  #passOn(request: IncomingMessage, answer: ServerResponse, fault: Fault | undefined): void {
    const { method, url, headers } = request;
    const options = { method, headers, setHost: false, agent: false };
    const passed = forward(`${this.#target}${url}`, options, (theirs) => {
      if (fault?.kind === 'cut-answer') {
        theirs.resume();
        theirs.once('end', () => request.socket.destroy());
        return;
      }
      answer.writeHead(theirs.statusCode ?? 502, theirs.rawHeaders);
      theirs.on('error', () => {
        if (!answer.writableEnded) request.socket.destroy();
      });
      // Some servers send the end of a chunked body after a HEAD, which breaks the parser.
      if (method === 'HEAD') answer.end();
      else theirs.pipe(disturbed(fault, request)).pipe(answer);
    });
    passed.on('error', () => {
      if (!answer.writableEnded) request.socket.destroy();
    });
    request.pipe(passed);
  }
}

function disturbed(fault: Fault | undefined, request: IncomingMessage): Transform {
  let passed = 0;
  if (fault?.kind === 'flip') {
    return new Transform({
      transform: (chunk: Buffer, _, done) => done(null, Buffer.from(chunk.map((byte) => byte ^ 0xff))),
    });
  }
  if (fault?.kind !== 'cut-body') return new PassThrough();
  return new Transform({
    transform: (chunk: Buffer, _, done) => {
      passed += chunk.length;
      if (passed <= fault.afterBytes) done(null, chunk);
      else request.socket.destroy();
    },
  });
}

async function drained(body: Readable, upToBytes = Number.POSITIVE_INFINITY): Promise<void> {
  let count = 0;
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    count += Buffer.from(chunk).length;
    if (count >= upToBytes) return;
  }
}
