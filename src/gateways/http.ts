import type { Readable } from 'node:stream';

/** Fetching things from servers of others. Nothing here follows redirects, sends cookies or keeps credentials. */
export interface Http {
  /**
   * GETs something small. Fails with Node's own error when the server cannot be reached; a body longer than
   * `limitBytes` is an error too.
   */
  get(url: string, options: HttpGetOptions): Promise<HttpAnswer>;
  /**
   * GETs something of any size: resolves with the head of the answer, whose body comes as it is sent (nothing is
   * decoded). Destroy a body that is not read to its end. A body that breaks off fails, it does not end.
   */
  open(url: string, options: HttpOpenOptions): Promise<HttpStream>;
}

export interface HttpGetOptions {
  readonly limitBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface HttpOpenOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Also ends the body. */
  readonly signal: AbortSignal;
}

export interface HttpStream {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
}
