import { Readable } from 'node:stream';
import type { Http, HttpAnswer, HttpGetOptions, HttpOpenOptions, HttpStream } from '../http.js';

/** One thing a simulated server offers. */
export interface SimulatedPage {
  readonly body: Buffer;
  /** Quoted, as on the wire; without one nothing can be resumed. */
  readonly etag?: string;
  /** Breaks off after so many bytes of each answer; undefined: never. */
  readonly breaksAfterBytes?: number;
}

/** Servers that are a table by URL: what is not in it cannot be reached. */
export class SimulatedHttp implements Http {
  readonly #pages: ReadonlyMap<string, SimulatedPage>;

  constructor(pages: ReadonlyMap<string, SimulatedPage> = new Map()) {
    this.#pages = pages;
  }

  async get(url: string, options: HttpGetOptions): Promise<HttpAnswer> {
    options.signal.throwIfAborted();
    const { body } = this.#page(url);
    if (body.length > options.limitBytes) throw new Error('the answer is too long');
    return { status: 200, body };
  }

  async open(url: string, options: HttpOpenOptions): Promise<HttpStream> {
    options.signal.throwIfAborted();
    const page = this.#page(url);
    const from = Number(/^bytes=(\d+)-$/.exec(options.headers['range'] ?? '')?.[1] ?? 0);
    const isResumed = from > 0 && page.etag !== undefined && options.headers['if-range'] === page.etag;
    const start = isResumed ? from : 0;
    const range = `bytes ${start}-${page.body.length - 1}/${page.body.length}`;
    return {
      status: isResumed ? 206 : 200,
      headers: { etag: page.etag, 'content-range': isResumed ? range : undefined },
      body: Readable.from(parts(page, start), { objectMode: false }),
    };
  }

  #page(url: string): SimulatedPage {
    const page = this.#pages.get(url);
    if (page === undefined) throw new Error(`connect ECONNREFUSED ${url}`);
    return page;
  }
}

function* parts({ body, breaksAfterBytes }: SimulatedPage, start: number): Generator<Buffer> {
  const left = body.subarray(start);
  if (breaksAfterBytes === undefined || left.length <= breaksAfterBytes) {
    yield left;
    return;
  }
  yield left.subarray(0, breaksAfterBytes);
  throw new Error('aborted');
}
