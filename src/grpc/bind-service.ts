import type { MethodDefinition, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { StewardError } from '../errors/steward-error.js';
import type { MethodScope, ServerScope } from './active-call.js';
import { refuseAnybody } from './authentication.js';
import { UNARY_TIMEOUT_MS } from './bounds.js';
import type { CallMetrics } from './metrics.js';
import type {
  CallContext,
  Handlers,
  MethodOptions,
  MethodShape,
  ServiceOptions,
  ServiceShape,
} from './service-types.js';
import { runDuplex, runServerStream } from './stream-call.js';
import { tracedAnswer } from './traced-call.js';
import { runUnary } from './unary-call.js';

/** A service in grpc-js's terms. Messages cross it as bytes: decoding and encoding are part of our calls. */
export interface BoundService {
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export function bindService<Service extends ServiceShape>(
  service: Service,
  handlers: Handlers<Service>,
  options: ServiceOptions<Service>,
  server: ServerScope,
  metrics: CallMetrics,
): BoundService {
  const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const implementation: UntypedServiceImplementation = {};
  let name = '';
  for (const [key, method] of Object.entries(service)) {
    name = method.path.split('/')[1] ?? '';
    definition[key] = bytesDefinition(method);
    const methodOptions: MethodOptions = { ...options, ...options.methods?.[key] };
    const handler = untyped(handlers, key);
    const admitting = methodOptions.callers === 'authenticated' ? guarded(handler) : handler;
    implementation[key] = implement(method, admitting, server, methodScope(method, methodOptions, metrics));
  }
  return { name, definition, implementation };
}

/** What all kinds of handlers have in common once their types are gone. */
type UntypedHandler = (input: unknown, call: CallContext) => unknown;

/**
 * The one place where a handler loses its types. Sound, because `Handlers` ties each handler to the method of
 * the same name, and that method decodes its requests and encodes its answers.
 */
function untyped<Service extends ServiceShape>(handlers: Handlers<Service>, key: string): UntypedHandler {
  return handlers[key] as UntypedHandler;
}

function guarded(handler: UntypedHandler): UntypedHandler {
  return (input, call) => {
    refuseAnybody(call);
    return handler(input, call);
  };
}

function implement(method: MethodShape, handler: UntypedHandler, server: ServerScope, scope: MethodScope) {
  const decode = (bytes: Buffer) => decoded(method, bytes);
  const encode = (message: unknown) => encoded(method, message, server.sendLimitBytes);
  if (!method.responseStream) {
    const answer = async (request: unknown, call: CallContext) => encode(await handler(request, call));
    const { tracer } = server;
    if (tracer !== undefined)
      return runUnary(server, scope, tracedAnswer(tracer, method.path, decode, answer));
    return runUnary(server, scope, async (request, call) => answer(decode(request), call));
  }
  if (!method.requestStream) {
    return runServerStream(server, scope, (request, call) =>
      mapStream(asStream(handler(decode(request), call)), encode),
    );
  }
  return runDuplex(server, scope, (requests, call) =>
    mapStream(asStream(handler(mapStream(requests, decode), call)), encode),
  );
}

function decoded(method: MethodShape, bytes: Buffer): unknown {
  try {
    return method.requestDeserialize(bytes);
  } catch (cause) {
    throw new StewardError('invalid-argument', `the request of ${method.path} cannot be decoded`, { cause });
  }
}

function encoded(method: MethodShape, message: unknown, limitBytes: number): Buffer {
  const bytes = method.responseSerialize(message as never);
  if (bytes.length <= limitBytes) return bytes;
  const size = `${bytes.length} bytes, and ${limitBytes} is the limit`;
  throw new StewardError('overloaded', `the answer of ${method.path} has ${size}; ask for less at a time`);
}

function methodScope(method: MethodShape, options: MethodOptions, metrics: CallMetrics): MethodScope {
  const { path, responseStream } = method;
  return {
    path,
    timeoutMs: options.timeoutMs ?? (responseStream ? 'unlimited' : UNARY_TIMEOUT_MS),
    onStop: options.onStop ?? (responseStream ? 'end' : 'finish'),
    metrics: metrics.ofMethod(method),
  };
}

function bytesDefinition(method: MethodShape) {
  const same = (bytes: Buffer) => bytes;
  const { path, requestStream, responseStream } = method;
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

function asStream(value: unknown): AsyncIterable<unknown> {
  if (typeof value === 'object' && value !== null && Symbol.asyncIterator in value) {
    return value as AsyncIterable<unknown>;
  }
  throw new TypeError('the handler of a stream gave no stream');
}

/** By hand and not by a generator: a generator would hold `return` back until the pending `next` has ended. */
function mapStream<From, To>(source: AsyncIterable<From>, convert: (item: From) => To): AsyncIterable<To> {
  return {
    [Symbol.asyncIterator]: () => {
      const items = source[Symbol.asyncIterator]();
      return {
        next: async () => {
          const next = await items.next();
          return next.done === true
            ? { done: true, value: undefined }
            : { done: false, value: convert(next.value) };
        },
        return: async () => {
          await items.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
