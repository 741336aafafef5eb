import { Metadata } from '@grpc/grpc-js';
import { ATTRIBUTE, type Attributes, type Tracer } from '../telemetry/tracing/tracer.js';
import { TRACED_ID_LENGTH_MAX } from './bounds.js';
import type { CallContext } from './service-types.js';

/** As W3C Trace Context calls it, in the metadata of gRPC as in the headers of HTTP. */
const TRACE_PARENT = 'traceparent';

/** Answers one decoded request. */
export type UnaryAnswer = (request: unknown, call: CallContext) => Promise<Buffer>;

/**
 * The same answers in spans, which go on with the trace of the caller. Streams have none: they last as long as
 * somebody listens.
 */
export function tracedAnswer(
  tracer: Tracer,
  path: string,
  decode: (bytes: Buffer) => unknown,
  answer: UnaryAnswer,
): (request: Buffer, call: CallContext) => Promise<Buffer> {
  const [, service = '', method = ''] = path.split('/');
  const attributes = () => ({ 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method });
  return (bytes, call) => {
    const given = call.metadata.get(TRACE_PARENT)[0];
    const parent = typeof given === 'string' ? given : 'root';
    return tracer.span(path.slice(1), { kind: 'server', parent, attributes }, async (span) => {
      const request = decode(bytes);
      if (span.isSeen) span.set(idsIn(request));
      return answer(request, call);
    });
  };
}

/** Metadata that lets the server go on with the trace of who calls; `metadata` itself outside of one. */
export function tracedMetadata(tracer: Tracer | undefined, metadata: Metadata | undefined): Metadata {
  const parent = tracer?.current();
  if (parent === undefined) return metadata ?? new Metadata();
  const traced = metadata?.clone() ?? new Metadata();
  traced.set(TRACE_PARENT, parent);
  return traced;
}

/** The ids a request names, whatever its message calls them; nothing else of it. */
function idsIn(request: unknown): Attributes {
  const of = (message: unknown, ...names: readonly string[]) =>
    names.map((name) => idIn(message, name)).find((id) => id !== undefined);
  const metadata = memberOf(request, 'metadata');
  return {
    [ATTRIBUTE.instance]: of(request, 'instanceId', 'id'),
    [ATTRIBUTE.workspace]: of(request, 'workspaceId') ?? of(metadata, 'metaId'),
    [ATTRIBUTE.owner]: of(request, 'owner') ?? of(metadata, 'owner'),
    [ATTRIBUTE.cluster]: of(request, 'cluster', 'name'),
  };
}

function idIn(message: unknown, name: string): string | undefined {
  const id = memberOf(message, name);
  return typeof id === 'string' && id !== '' ? id.slice(0, TRACED_ID_LENGTH_MAX) : undefined;
}

function memberOf(message: unknown, name: string): unknown {
  if (typeof message !== 'object' || message === null || !Object.hasOwn(message, name)) return undefined;
  return Reflect.get(message, name);
}
