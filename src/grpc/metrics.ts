import { Counter, Histogram, type Registry } from 'prom-client';
import { HANDLING_SECONDS_BUCKETS } from './bounds.js';

type MethodLabel = 'grpc_type' | 'grpc_service' | 'grpc_method';
const methodLabels: readonly MethodLabel[] = ['grpc_type', 'grpc_service', 'grpc_method'];

/** Counts of one method, with its labels bound once: this is on the path of every call. */
export interface MethodMetrics {
  started(): void;
  received(): void;
  sent(): void;
  handled(code: string, seconds: number): void;
}

export interface ServerMetrics {
  ofMethod(path: string, requestStream: boolean, responseStream: boolean): MethodMetrics;
}

/** The usual gRPC server metrics; several servers may share a registry. */
export function createServerMetrics(registry: Registry): ServerMetrics {
  const started = counter(registry, 'grpc_server_started_total', 'Calls started on the server.');
  const received = counter(registry, 'grpc_server_msg_received_total', 'Messages received by the server.');
  const sent = counter(registry, 'grpc_server_msg_sent_total', 'Messages sent by the server.');
  const handled = handledCounter(registry);
  const seconds = handlingSeconds(registry);
  return {
    ofMethod: (path, requestStream, responseStream) => {
      const [, service = '', method = ''] = path.split('/');
      const kind = methodKind(requestStream, responseStream);
      const labels = { grpc_type: kind, grpc_service: service, grpc_method: method };
      const [starts, receipts, sends] = [
        started.labels(labels),
        received.labels(labels),
        sent.labels(labels),
      ];
      // There from the start, so that rates begin with the first call.
      for (const count of [starts, receipts, sends]) count.inc(0);
      const durations = seconds.labels(labels);
      const ends = new Map<string, { inc(): void }>();
      const ended = (code: string) => {
        const bound = ends.get(code) ?? handled.labels({ ...labels, grpc_code: code });
        ends.set(code, bound);
        return bound;
      };
      return {
        started: () => starts.inc(),
        received: () => receipts.inc(),
        sent: () => sends.inc(),
        handled: (code, duration) => {
          ended(code).inc();
          durations.observe(duration);
        },
      };
    },
  };
}

function methodKind(requestStream: boolean, responseStream: boolean): string {
  if (requestStream) return responseStream ? 'bidi_stream' : 'client_stream';
  return responseStream ? 'server_stream' : 'unary';
}

function counter(registry: Registry, name: string, help: string): Counter<MethodLabel> {
  const existing = registry.getSingleMetric(name);
  if (existing instanceof Counter) return existing;
  return new Counter({ name, help, labelNames: methodLabels, registers: [registry] });
}

function handledCounter(registry: Registry): Counter<MethodLabel | 'grpc_code'> {
  const name = 'grpc_server_handled_total';
  const existing = registry.getSingleMetric(name);
  if (existing instanceof Counter) return existing;
  const help = 'Calls ended on the server, by status.';
  return new Counter({ name, help, labelNames: [...methodLabels, 'grpc_code'], registers: [registry] });
}

function handlingSeconds(registry: Registry): Histogram<MethodLabel> {
  const name = 'grpc_server_handling_seconds';
  const existing = registry.getSingleMetric(name);
  if (existing instanceof Histogram) return existing;
  const help = 'Time from the start of a call to its end.';
  const buckets = [...HANDLING_SECONDS_BUCKETS];
  return new Histogram({ name, help, labelNames: [...methodLabels], buckets, registers: [registry] });
}
