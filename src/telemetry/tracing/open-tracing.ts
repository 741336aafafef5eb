import type { Logger } from 'pino';
import type { Clock } from '../../gateways/clock.js';
import type { Tracer } from './tracer.js';

type Environment = Readonly<Record<string, string | undefined>>;

export interface TracingOptions {
  readonly env: Environment;
  /** Such as `bridge`. */
  readonly program: string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Tracing {
  readonly tracer: Tracer;
  /** Sends what waits, for a bounded time. Never rejects. */
  close(): Promise<void>;
}

/** Where spans go when nobody names a path, as OpenTelemetry has it. */
const TRACES_PATH = 'v1/traces';

/**
 * Spans as OpenTelemetry's variables of the environment want them; undefined where they want none. Only then its code
 * is loaded.
 */
export async function openTracing(options: TracingOptions): Promise<Tracing | undefined> {
  const url = endpointOf(options);
  if (url === undefined) return undefined;
  const { startTracing } = await import('./otlp-tracing.js');
  return startTracing(url, options);
}

/** What cannot be meant is told and passed over: what is served matters more than who watches. */
function endpointOf({ env, logger }: TracingOptions): string | undefined {
  const given = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'] || '';
  if (given === '' || env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return undefined;
  const exporter = env['OTEL_TRACES_EXPORTER'] || 'otlp';
  if (exporter !== 'otlp') {
    if (exporter !== 'none')
      logger.warn({ exporter }, 'no spans: OTEL_TRACES_EXPORTER is neither otlp nor none');
    return undefined;
  }
  const protocol =
    env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'] || 'http/json';
  if (!protocol.startsWith('http/')) {
    logger.warn({ protocol }, 'no spans: OTEL_EXPORTER_OTLP_PROTOCOL may be http/json or http/protobuf');
    return undefined;
  }
  const isWhole = Boolean(env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']);
  const url = isWhole ? given : `${given.replace(/\/+$/, '')}/${TRACES_PATH}`;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  logger.warn('no spans: OTEL_EXPORTER_OTLP_ENDPOINT is not the URL of a collector');
  return undefined;
}
