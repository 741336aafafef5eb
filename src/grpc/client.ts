import {
  type ClientDuplexStream,
  type ClientReadableStream,
  type Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { StewardError } from '../errors/steward-error.js';
import { CLIENT_DEADLINE_MAX_MS, CLIENT_DEADLINE_MS } from './bounds.js';
import type { Channel } from './channel.js';
import { type AnswerStream, readAnswers } from './client-stream.js';
import { type OutgoingCall, outgoingCall } from './outgoing-call.js';
import { toRemoteError } from './remote-error.js';
import type { MethodShape, RequestOf, ResponseOf, ServiceShape } from './service-types.js';
import { tracedMetadata } from './traced-call.js';

export interface ClientCallOptions {
  /** Milliseconds. Default: 30 s for unary calls, none for streams. */
  readonly timeoutMs?: number;
  /** Aborting cancels the call. */
  readonly signal?: AbortSignal;
  readonly metadata?: Metadata;
}

/** All of them throw a RemoteError: what the server told, or what happened to the connection. */
export type ClientMethod<Method extends MethodShape> = Method extends { readonly requestStream: true }
  ? Method extends { readonly responseStream: true }
    ? (
        requests: AsyncIterable<RequestOf<Method>>,
        options?: ClientCallOptions,
      ) => AnswerStream<ResponseOf<Method>>
    : never
  : Method extends { readonly responseStream: true }
    ? (request: RequestOf<Method>, options?: ClientCallOptions) => AnswerStream<ResponseOf<Method>>
    : (request: RequestOf<Method>, options?: ClientCallOptions) => Promise<ResponseOf<Method>>;

export type ServiceClient<Service extends ServiceShape> = {
  readonly [Name in keyof Service]: ClientMethod<Service[Name]>;
};

/**
 * Typed calls of one service; any number of clients may share a channel. `defaults` hold for every call that
 * does not say otherwise.
 */
export function createClient<Service extends ServiceShape>(
  service: Service,
  channel: Channel,
  defaults: Pick<ClientCallOptions, 'timeoutMs'> = {},
): ServiceClient<Service> {
  const entries = Object.entries(service).map(([name, method]) => [
    name,
    clientMethod(method, channel, defaults),
  ]);
  // Sound, because each entry is made from the method of its own name.
  return Object.fromEntries(entries) as ServiceClient<Service>;
}

type Defaults = Pick<ClientCallOptions, 'timeoutMs'>;

function clientMethod(method: MethodShape, channel: Channel, defaults: Defaults) {
  const encode = (message: unknown) => method.requestSerialize(message as never);
  if (!method.responseStream) {
    return (request: unknown, options: ClientCallOptions = {}) =>
      unary(channel, method, encode(request), { ...defaults, ...options });
  }
  if (!method.requestStream) {
    return (request: unknown, options: ClientCallOptions = {}) =>
      answers(channel, method, encode(request), { ...defaults, ...options });
  }
  return (requests: AsyncIterable<unknown>, options: ClientCallOptions = {}) =>
    duplex(channel, method, requests, encode, { ...defaults, ...options });
}

const same = (bytes: Buffer) => bytes;

/** grpc-js throws its own error for a channel that was closed. */
function open<Call>(channel: Channel, start: () => Call): Call {
  try {
    return start();
  } catch (cause) {
    throw new StewardError('unavailable', `the connection to ${channel.address} is closed`, { cause });
  }
}

function unary(channel: Channel, method: MethodShape, request: Buffer, options: ClientCallOptions) {
  return new Promise<unknown>((resolve, reject) => {
    if (options.signal?.aborted) return reject(cancelled());
    const deadline = deadlineOf(channel, options.timeoutMs ?? CLIENT_DEADLINE_MS);
    const metadata = tracedMetadata(channel.tracer, options.metadata);
    const answered = (error: ServiceError | null, response?: Buffer) => {
      options.signal?.removeEventListener('abort', cancel);
      if (error === null) outgoing?.received();
      outgoing?.ended(error?.code ?? status.OK);
      if (error !== null) return reject(toRemoteError(error, channel.address));
      try {
        resolve(method.responseDeserialize(response ?? Buffer.alloc(0)));
      } catch (cause) {
        reject(new StewardError('internal', `the answer of ${method.path} cannot be decoded`, { cause }));
      }
    };
    const call = open(channel, () =>
      channel.client.makeUnaryRequest(method.path, same, same, request, metadata, { deadline }, answered),
    );
    const outgoing = outgoingCall(channel, method);
    outgoing?.sent();
    const cancel = () => call.cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
  });
}

function answers(channel: Channel, method: MethodShape, request: Buffer, options: ClientCallOptions) {
  const metadata = tracedMetadata(channel.tracer, options.metadata);
  const callOptions = streamOptions(channel, options);
  const call = open(channel, () =>
    channel.client.makeServerStreamRequest(method.path, same, same, request, metadata, callOptions),
  );
  const outgoing = outgoingCall(channel, method);
  outgoing?.sent();
  return readAnswers(call, channel.address, decoder(call, method, outgoing), options.signal);
}

function duplex(
  channel: Channel,
  method: MethodShape,
  requests: AsyncIterable<unknown>,
  encode: (message: unknown) => Buffer,
  options: ClientCallOptions,
) {
  const metadata = tracedMetadata(channel.tracer, options.metadata);
  const callOptions = streamOptions(channel, options);
  const call = open(channel, () =>
    channel.client.makeBidiStreamRequest(method.path, same, same, metadata, callOptions),
  );
  const outgoing = outgoingCall(channel, method);
  const counted = (message: unknown) => {
    outgoing?.sent();
    return encode(message);
  };
  // A failing source of requests ends the call; the reader is told that it was cancelled.
  sendRequests(call, requests, counted).catch(() => call.cancel());
  return readAnswers(call, channel.address, decoder(call, method, outgoing), options.signal);
}

/** Decodes the answers of a stream; counts them and the end of the call when somebody wants to know. */
function decoder(
  call: Pick<ClientReadableStream<Buffer>, 'once'>,
  method: MethodShape,
  outgoing: OutgoingCall | undefined,
): (bytes: Buffer) => unknown {
  if (outgoing === undefined) return (bytes) => method.responseDeserialize(bytes);
  call.once('status', ({ code }) => outgoing.ended(code));
  return (bytes) => {
    outgoing.received();
    return method.responseDeserialize(bytes);
  };
}

type RequestSink = Pick<
  ClientDuplexStream<Buffer, Buffer>,
  'write' | 'end' | 'on' | 'once' | 'removeListener'
>;

/** Sends while the call lasts, no faster than the server takes it; the source is released when the call ends. */
async function sendRequests(
  call: RequestSink,
  requests: AsyncIterable<unknown>,
  encode: (message: unknown) => Buffer,
): Promise<void> {
  const source = requests[Symbol.asyncIterator]();
  let ended = false;
  call.once('status', () => {
    ended = true;
    Promise.resolve(source.return?.()).catch(() => {});
  });
  for (let next = await source.next(); next.done !== true; next = await source.next()) {
    if (ended) return;
    if (!call.write(encode(next.value))) await drained(call);
  }
  if (!ended) call.end();
}

function drained(call: RequestSink): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      for (const event of ['drain', 'close', 'status']) call.removeListener(event, settle);
      resolve();
    };
    for (const event of ['drain', 'close', 'status']) call.on(event, settle);
  });
}

function streamOptions(channel: Channel, options: ClientCallOptions) {
  return options.timeoutMs === undefined ? {} : { deadline: deadlineOf(channel, options.timeoutMs) };
}

function deadlineOf(channel: Channel, timeoutMs: number): number {
  return channel.clock.now() + Math.min(timeoutMs, CLIENT_DEADLINE_MAX_MS);
}

function cancelled(): StewardError {
  return new StewardError('cancelled', 'the call was cancelled before it began');
}
