import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { StewardError } from '../errors/steward-error.js';
import { ActiveCall, type MethodScope, type ServerScope } from './active-call.js';
import { toWireStatus } from './error-status.js';
import type { CallContext } from './service-types.js';

export type UnaryBytesHandler = (request: Buffer, call: CallContext) => Promise<Buffer>;

/** Runs a unary call: one answer, whatever the handler does. */
export function runUnary(server: ServerScope, scope: MethodScope, handler: UnaryBytesHandler) {
  return (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
    const active = new ActiveCall(call, server, scope);
    const fail = (error: StewardError) => {
      if (active.end(error.entry.status)) answer(toWireStatus(error));
    };
    active.answerAbortWith(fail);
    scope.metrics.received();
    handler(call.request, active).then(
      (response) => {
        if (!active.end(status.OK)) return;
        scope.metrics.sent();
        answer(null, response);
      },
      (thrown) => {
        if (!active.ended) fail(active.failure(thrown));
      },
    );
  };
}
