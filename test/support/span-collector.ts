import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import { realWorld } from '../../src/gateways/real/world.js';
import { openTracing } from '../../src/telemetry/tracing/open-tracing.js';

export interface CollectedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** '' of a root. */
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2 of a failure. */
  readonly status: number;
}

type Mood = 'answering' | 'silent' | 'refusing';

/** A collector of OpenTelemetry's, as far as spans in JSON go, for the time of a test. */
export class SpanCollector {
  /** What was sent, as it was. */
  readonly bodies: string[] = [];
  readonly paths = new Set<string>();
  readonly #server: Server;

  /** `silent`: it takes requests and never answers. `refusing`: it wants none of them. */
  static async start(mood: Mood = 'answering'): Promise<SpanCollector> {
    const collector = new SpanCollector(mood);
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => collector.stop());
    return collector;
  }

  private constructor(mood: Mood) {
    this.#server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      this.paths.add(request.url ?? '');
      this.bodies.push(body);
      if (mood === 'silent') return;
      const status = mood === 'refusing' ? 400 : 200;
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get url(): string {
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : '';
  }

  get spans(): CollectedSpan[] {
    return this.bodies.flatMap((body) => spansIn(JSON.parse(body)));
  }

  get services(): ReadonlySet<string> {
    const found = this.bodies.flatMap((body) => [
      ...body.matchAll(/"key":"service\.name","value":\{"stringValue":"([^"]*)"/g),
    ]);
    return new Set(found.map(([, name = '']) => name));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Spans that go to a new collector. */
export async function collectedTracing(program: string) {
  const collector = await SpanCollector.start();
  const tracing = await openTracing({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    ...{ program, version: '0.0.0', clock: realWorld().clock, logger: pino({ level: 'silent' }) },
  });
  if (tracing === undefined) throw new Error('there is no tracing');
  return { collector, tracing };
}

interface WireSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
  readonly status: { readonly code: number };
}

interface WireSpans {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

function spansIn({ resourceSpans }: WireSpans): CollectedSpan[] {
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  return spans.map(({ name, traceId, spanId, parentSpanId = '', attributes, status }) => ({
    ...{ name, traceId, spanId, parentSpanId, status: status.code },
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
  }));
}
