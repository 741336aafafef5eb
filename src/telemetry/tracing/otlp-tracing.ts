import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { sleep } from '../../gateways/clock.js';
import { SPANS_EXPORT_MS, SPANS_FLUSH_MS } from '../bounds.js';
import type { Tracing, TracingOptions } from './open-tracing.js';
import { OtelTracer } from './otel-tracer.js';
import { TellingExporter } from './telling-exporter.js';

/**
 * Sends spans to `url` as OTLP over HTTP, in batches and beside everything else: a bounded queue waits, and what is
 * more is dropped. Headers, compression, sampling and the size of batches are read by OpenTelemetry's own code from
 * the variables of the environment that it has for them.
 */
export function startTracing(url: string, options: TracingOptions): Tracing {
  const { env, program, version, clock, logger } = options;
  const timeout = env['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'] || env['OTEL_EXPORTER_OTLP_TIMEOUT'];
  const exporter = new TellingExporter(
    new OTLPTraceExporter({ url, ...(timeout ? {} : { timeoutMillis: SPANS_EXPORT_MS }) }),
    logger,
  );
  const provider = new BasicTracerProvider({
    resource: resourceOf(program, version),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  logger.info({ url: new URL(url).origin }, 'spans are sent to a collector');
  return {
    tracer: new OtelTracer(provider.getTracer('steward', version)),
    close: async () => {
      const cutOff = new AbortController();
      const late = sleep(clock, SPANS_FLUSH_MS, cutOff.signal).catch(() => undefined);
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      cutOff.abort();
    },
  };
}

/** What the environment says of us goes before what we say. */
function resourceOf(program: string, version: string) {
  const ours = {
    'service.name': `steward-${program}`,
    'service.version': version,
    'process.pid': process.pid,
  };
  return resourceFromAttributes(ours).merge(detectResources({ detectors: [envDetector] }));
}
