import { Counter, Histogram, type Registry } from 'prom-client';
import { HANDLING_SECONDS_BUCKETS } from './bounds.js';

type MethodLabel = 'grpc_type' | 'grpc_service' | 'grpc_method';
type CodeLabel = MethodLabel | 'grpc_code';
const methodLabels: readonly MethodLabel[] = ['grpc_type', 'grpc_service', 'grpc_method'];
const codeLabels: readonly CodeLabel[] = [...methodLabels, 'grpc_code'];

/** Counts of one method, with its labels bound once: this is on the path of every call. */
export interface MethodMetrics {
  started(): void;
  received(): void;
  sent(): void;
  handled(code: string, seconds: number): void;
}

/** What a method is called in metrics. */
export interface MeasuredMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** Of the calls that are served, or of those that are made to others. */
export interface CallMetrics {
  ofMethod(method: MeasuredMethod): MethodMetrics;
}

/** The usual gRPC server metrics; several servers may share a registry. */
export function createServerMetrics(registry: Registry): CallMetrics {
  const families = familiesOf(registry, 'grpc_server', 'server');
  const handlingSeconds = histogram(registry, 'grpc_server_handling_seconds', [...methodLabels], {
    help: 'Time from the start of a call to its end.',
    buckets: [...HANDLING_SECONDS_BUCKETS],
  });
  return {
    ofMethod: (method) => {
      const labels = labelsOf(method);
      const durations = handlingSeconds.labels(labels);
      // There from the start, so that rates begin with the first call.
      for (const family of [families.started, families.received, families.sent]) family.inc(labels, 0);
      return bind(families, labels, (_code, seconds) => durations.observe(seconds));
    },
  };
}

/**
 * The usual gRPC client metrics, of methods that were called; several channels may share them. The time has the code
 * as a label, too, because the compatible system's has it.
 */
export function createClientMetrics(registry: Registry): CallMetrics {
  const families = familiesOf(registry, 'grpc_client', 'client');
  const handlingSeconds = histogram(registry, 'grpc_client_handling_seconds', [...codeLabels], {
    help: 'Time from the start of a call to its end, by status.',
  });
  const methods = new Map<string, MethodMetrics>();
  return {
    ofMethod: (method) => {
      const known = methods.get(method.path);
      if (known !== undefined) return known;
      const labels = labelsOf(method);
      const bound = bind(families, labels, (code, seconds) =>
        handlingSeconds.observe({ ...labels, grpc_code: code }, seconds),
      );
      methods.set(method.path, bound);
      return bound;
    },
  };
}

interface Families {
  readonly started: BoundCounter;
  readonly received: BoundCounter;
  readonly sent: BoundCounter;
  readonly handled: Counter<CodeLabel>;
}

function familiesOf(registry: Registry, prefix: string, side: string): Families {
  return {
    started: boundCounter(registry, `${prefix}_started_total`, `Calls started on the ${side}.`),
    received: boundCounter(registry, `${prefix}_msg_received_total`, `Messages received by the ${side}.`),
    sent: boundCounter(registry, `${prefix}_msg_sent_total`, `Messages sent by the ${side}.`),
    handled: handledCounter(registry, `${prefix}_handled_total`, `Calls ended on the ${side}, by status.`),
  };
}

type Labels = Readonly<Record<MethodLabel, string>>;

function bind(
  families: Families,
  labels: Labels,
  observe: (code: string, seconds: number) => void,
): MethodMetrics {
  const starts = families.started.bind(labels);
  const receipts = families.received.bind(labels);
  const sends = families.sent.bind(labels);
  const ends = new Map<string, { inc(): void }>();
  const ended = (code: string) => {
    const bound = ends.get(code) ?? families.handled.labels({ ...labels, grpc_code: code });
    ends.set(code, bound);
    return bound;
  };
  return {
    started: starts,
    received: receipts,
    sent: sends,
    handled: (code, seconds) => {
      ended(code).inc();
      observe(code, seconds);
    },
  };
}

function labelsOf({ path, requestStream, responseStream }: MeasuredMethod): Labels {
  const [, service = '', method = ''] = path.split('/');
  const kind = methodKind(requestStream, responseStream);
  return { grpc_type: kind, grpc_service: service, grpc_method: method };
}

function methodKind(requestStream: boolean, responseStream: boolean): string {
  if (requestStream) return responseStream ? 'bidi_stream' : 'client_stream';
  return responseStream ? 'server_stream' : 'unary';
}

/**
 * A counter of what happens for every message: it is counted beside the metric and brought into it when somebody asks,
 * because to find the metric's value by its labels takes longer than to count.
 */
class BoundCounter extends Counter<MethodLabel> {
  readonly #bound: { readonly labels: Labels; count: number }[] = [];

  constructor(registry: Registry, name: string, help: string) {
    const labelNames = [...methodLabels];
    super({ name, help, labelNames, registers: [registry], collect: () => this.#collect() });
  }

  /** Counts one more with these labels. */
  bind(labels: Labels): () => void {
    const bound = { labels, count: 0 };
    this.#bound.push(bound);
    return () => {
      bound.count += 1;
    };
  }

  #collect(): void {
    for (const bound of this.#bound) {
      if (bound.count > 0) this.inc(bound.labels, bound.count);
      bound.count = 0;
    }
  }
}

function boundCounter(registry: Registry, name: string, help: string): BoundCounter {
  const existing = registry.getSingleMetric(name);
  return existing instanceof BoundCounter ? existing : new BoundCounter(registry, name, help);
}

function handledCounter(registry: Registry, name: string, help: string): Counter<CodeLabel> {
  const existing = registry.getSingleMetric(name);
  if (existing instanceof Counter) return existing;
  return new Counter({ name, help, labelNames: [...codeLabels], registers: [registry] });
}

function histogram<Label extends string>(
  registry: Registry,
  name: string,
  labelNames: Label[],
  settings: { readonly help: string; readonly buckets?: number[] },
): Histogram<Label> {
  const existing = registry.getSingleMetric(name);
  if (existing instanceof Histogram) return existing;
  return new Histogram({ name, labelNames, registers: [registry], ...settings });
}
