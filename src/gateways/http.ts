/** Fetching small things from servers of others. */
export interface Http {
  /**
   * GETs `url`. Redirects are not followed. Fails with Node's own error when the server cannot be reached; a body
   * longer than `limitBytes` is an error too.
   */
  get(url: string, options: HttpGetOptions): Promise<HttpAnswer>;
}

export interface HttpGetOptions {
  readonly limitBytes: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}
