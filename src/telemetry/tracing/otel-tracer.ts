import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  type HrTime,
  type Tracer as Otel,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { hrTime, parseTraceParent } from '@opentelemetry/core';
import { toStewardError } from '../../errors/steward-error.js';
import type { Attributes, Span, SpanOptions, TraceParent, Tracer } from './tracer.js';

const kinds = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, producer: SpanKind.PRODUCER } as const;

/** Makes spans with OpenTelemetry; several in one process know nothing of each other. */
export class OtelTracer implements Tracer {
  readonly #otel: Otel;
  readonly #contexts = new AsyncLocalStorage<Context>();

  constructor(otel: Otel) {
    this.#otel = otel;
  }

  async span<Result>(
    name: string,
    { attributes, parent, kind = 'internal' }: SpanOptions,
    work: (span: Span) => Promise<Result>,
  ): Promise<Result> {
    const outer = this.#contextOf(parent);
    const startTime = hrTime();
    const options = { kind: kinds[kind], startTime, attributes: { ...attributes?.() } };
    const span = this.#otel.startSpan(name, options, outer);
    const inner = trace.setSpan(outer, span);
    try {
      return await this.#contexts.run(inner, () => work(new SeenSpan(this.#otel, span, inner, startTime)));
    } catch (thrown) {
      // Its code only: a message may name what users wrote.
      const { code } = toStewardError(thrown);
      span.setAttribute('error.type', code).setStatus({ code: SpanStatusCode.ERROR, message: code });
      throw thrown;
    } finally {
      span.end(hrTime());
    }
  }

  current(): TraceParent | undefined {
    const span = trace.getSpanContext(this.#contexts.getStore() ?? ROOT_CONTEXT);
    if (span === undefined) return undefined;
    return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
  }

  #contextOf(parent: SpanOptions['parent']): Context {
    if (parent === undefined) return this.#contexts.getStore() ?? ROOT_CONTEXT;
    const remote = parent === 'root' ? null : parseTraceParent(parent);
    return remote === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...remote, isRemote: true });
  }
}

class SeenSpan implements Span {
  readonly isSeen: boolean;
  readonly #otel: Otel;
  readonly #span: OtelSpan;
  readonly #context: Context;
  readonly #startTime: HrTime;

  constructor(otel: Otel, span: OtelSpan, context: Context, startTime: HrTime) {
    this.isSeen = span.isRecording();
    this.#otel = otel;
    this.#span = span;
    this.#context = context;
    this.#startTime = startTime;
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes({ ...attributes });
  }

  part(name: string, attributes: Attributes): void {
    const options = { startTime: this.#startTime, attributes: { ...attributes } };
    this.#otel.startSpan(name, options, this.#context).end(hrTime());
  }
}
