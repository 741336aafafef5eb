import type { Metadata } from '@grpc/grpc-js';
import type { Logger } from 'pino';

/** What the generated definition of one method looks like, whatever its messages are. */
export interface MethodShape {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  requestSerialize(value: never): Buffer;
  requestDeserialize(bytes: Buffer): unknown;
  responseSerialize(value: never): Buffer;
  responseDeserialize(bytes: Buffer): unknown;
}

/** What a generated `…ServiceService` constant looks like. */
export type ServiceShape = Readonly<Record<string, MethodShape>>;

export type RequestOf<Method extends MethodShape> = ReturnType<Method['requestDeserialize']>;
export type ResponseOf<Method extends MethodShape> = ReturnType<Method['responseDeserialize']>;

/** What a handler is told about its call. */
export interface CallContext {
  /** `/package.Service/Method`. */
  readonly method: string;
  /** Address of the caller, as grpc-js writes it. */
  readonly peer: string;
  /** Milliseconds since the epoch; Infinity without one. */
  readonly deadline: number;
  /** Aborts with a StewardError when the caller went away, the deadline has passed or the server stops. */
  readonly signal: AbortSignal;
  readonly metadata: Metadata;
  readonly logger: Logger;
}

/**
 * The handler of one method. What it throws becomes the status: a StewardError that of the catalogue, anything
 * else INTERNAL with an id that the log has too. Streams are asked for the next message only when there is room
 * for it. Client streaming without a streamed answer is not offered.
 */
export type Handler<Method extends MethodShape> = Method extends { readonly requestStream: true }
  ? Method extends { readonly responseStream: true }
    ? (requests: AsyncIterable<RequestOf<Method>>, call: CallContext) => AsyncIterable<ResponseOf<Method>>
    : never
  : Method extends { readonly responseStream: true }
    ? (request: RequestOf<Method>, call: CallContext) => AsyncIterable<ResponseOf<Method>>
    : (request: RequestOf<Method>, call: CallContext) => Promise<ResponseOf<Method>>;

/** One handler for every method of a service. */
export type Handlers<Service extends ServiceShape> = {
  readonly [Name in keyof Service]: Handler<Service[Name]>;
};

export interface MethodOptions {
  /** Longest a call may take, in milliseconds. Default: a minute for unary calls, no limit for streams. */
  readonly timeoutMs?: number | 'unlimited';
  /**
   * What a stopping server does with running calls: `finish` lets them go on until the grace period ends, `end`
   * ends them at once as UNAVAILABLE. Default: `finish` for unary calls, `end` for streams.
   */
  readonly onStop?: 'finish' | 'end';
  /**
   * Who may call it. `authenticated`: callers of Unix sockets, whose file mode lets in whom it should, and those with
   * a client certificate; others get `caller-unknown`. Default: `anybody` who reaches the server.
   */
  readonly callers?: 'anybody' | 'authenticated';
}

export interface ServiceOptions<Service extends ServiceShape> extends MethodOptions {
  readonly methods?: { readonly [Name in keyof Service]?: MethodOptions };
}
