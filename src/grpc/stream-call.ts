import { Metadata, type ServerDuplexStream, type ServerWritableStream, status } from '@grpc/grpc-js';
import type { StewardError } from '../errors/steward-error.js';
import { ActiveCall, type MethodScope, type ServerScope } from './active-call.js';
import { toWireStatus } from './error-status.js';
import type { CallContext } from './service-types.js';
import { StreamWriter } from './stream-writer.js';

export type StreamBytesHandler = (request: Buffer, call: CallContext) => AsyncIterable<Buffer>;
export type DuplexBytesHandler = (
  requests: AsyncIterable<Buffer>,
  call: CallContext,
) => AsyncIterable<Buffer>;

/** Runs a call with one request and a stream of answers. */
export function runServerStream(server: ServerScope, scope: MethodScope, handler: StreamBytesHandler) {
  return (call: ServerWritableStream<Buffer, Buffer>): void => {
    const active = new ActiveCall(call, server, scope);
    scope.metrics.received();
    respond(call, active, server, scope, () => handler(call.request, active));
  };
}

/** Runs a call with streams in both directions. */
export function runDuplex(server: ServerScope, scope: MethodScope, handler: DuplexBytesHandler) {
  return (call: ServerDuplexStream<Buffer, Buffer>): void => {
    const active = new ActiveCall(call, server, scope);
    respond(call, active, server, scope, () => handler(requestsOf(call, active, scope), active));
  };
}

type AnswerStream = ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/** Sends what the handler yields; ends once, by the handler's end, its failure or an abort. */
function respond(
  call: AnswerStream,
  active: ActiveCall,
  server: ServerScope,
  scope: MethodScope,
  start: () => AsyncIterable<Buffer>,
): void {
  const writer = new StreamWriter(call, server.world.clock);
  let iterator: AsyncIterator<Buffer> | undefined;
  const fail = (error: StewardError) => {
    if (!active.end(error.entry.status)) return;
    call.emit('error', toWireStatus(error));
    writer.release();
    void close(iterator, active);
  };
  active.answerAbortWith(fail);
  const pump = async () => {
    const answers = start()[Symbol.asyncIterator]();
    iterator = answers;
    const first = answers.next();
    // Headers at once, so that the caller knows its subscription stands before the first message.
    call.sendMetadata(new Metadata());
    for (let next = await first; next.done !== true; next = await answers.next()) {
      if (active.ended) return;
      writer.write(next.value);
      scope.metrics.sent();
      await writer.room();
      if (active.ended) return;
    }
    if (active.end(status.OK)) call.end();
  };
  pump().catch((thrown) => {
    if (!active.ended) fail(active.failure(thrown));
  });
}

/** Lets an unfinished handler run its `finally`; nobody waits for it. */
async function close(iterator: AsyncIterator<Buffer> | undefined, active: ActiveCall): Promise<void> {
  try {
    await iterator?.return?.();
  } catch (thrown) {
    active.logger.warn({ err: thrown, method: active.method }, 'a handler failed after its call had ended');
  }
}

async function* requestsOf(
  call: ServerDuplexStream<Buffer, Buffer>,
  active: ActiveCall,
  scope: MethodScope,
): AsyncGenerator<Buffer> {
  try {
    // Not destroyed when the handler stops reading: the answers go the other way on the same stream.
    for await (const request of call.iterator({ destroyOnReturn: false })) {
      scope.metrics.received();
      yield request;
    }
  } catch (thrown) {
    // The stream fails only because its call was aborted, and the reason of that says more.
    if (active.signal.aborted) throw active.signal.reason;
    throw thrown;
  }
}
