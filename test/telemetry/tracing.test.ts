import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { describe, expect, it, test } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import type { Clock } from '../../src/gateways/clock.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { SPANS_FLUSH_MS } from '../../src/telemetry/bounds.js';
import { openTracing } from '../../src/telemetry/tracing/open-tracing.js';
import { TellingExporter } from '../../src/telemetry/tracing/telling-exporter.js';
import { NO_TRACER } from '../../src/telemetry/tracing/tracer.js';
import { ManualClock } from '../bridge/support/manual-clock.js';
import { SpanCollector } from '../support/span-collector.js';

const src = join(import.meta.dirname, '../../src');
const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';

async function open(env: Readonly<Record<string, string>>, clock: Clock = realWorld().clock) {
  const log: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => log.push(line) });
  const tracing = await openTracing({ env, program: 'test', version: '1.2.3', clock, logger });
  return { tracing, log };
}

async function opened(url: string, clock?: Clock) {
  const { tracing, log } = await open({ [ENDPOINT]: url }, clock);
  if (tracing === undefined) throw new Error('there is no tracing');
  return { ...tracing, log };
}

describe('without a collector', () => {
  it.each([
    ['nothing is said', {}],
    ['it is turned off', { [ENDPOINT]: 'http://c:4318', OTEL_SDK_DISABLED: 'true' }],
    ['no exporter is wanted', { [ENDPOINT]: 'http://c:4318', OTEL_TRACES_EXPORTER: 'none' }],
  ])('there are no spans, and nothing is told: %s', async (_, env) => {
    expect(await open(env)).toEqual({ tracing: undefined, log: [] });
  });

  it.each([
    [
      'another exporter',
      { [ENDPOINT]: 'http://c:4318', OTEL_TRACES_EXPORTER: 'zipkin' },
      'OTEL_TRACES_EXPORTER',
    ],
    [
      'another protocol',
      { [ENDPOINT]: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL',
    ],
    ['no URL', { [ENDPOINT]: 'collector:4318' }, 'OTEL_EXPORTER_OTLP_ENDPOINT'],
  ])('what cannot be meant is told, and nothing ends of it: %s', async (_, env, named) => {
    const { tracing, log } = await open(env);
    expect(tracing).toBeUndefined();
    expect(log).toHaveLength(1);
    expect(log[0]).toContain(named);
  });

  it('work is run as it is', async () => {
    const result = Promise.resolve(7);
    expect(NO_TRACER.span('work', { attributes: () => expect.unreachable() }, () => result)).toBe(result);
    expect(NO_TRACER.current()).toBeUndefined();
  });

  it("OpenTelemetry's code is not loaded", () => {
    const isLoaded =
      /^(?!.*\bimport type\b).*from '(@opentelemetry\/|\.\/(otlp|otel|telling)-|.*tracing\/(otlp|otel|telling)-)/m;
    const loading = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('.ts') && isLoaded.test(readFileSync(join(src, path), 'utf8')),
    );
    expect(loading.sort()).toEqual([
      'telemetry/tracing/otel-tracer.ts',
      'telemetry/tracing/otlp-tracing.ts',
      'telemetry/tracing/telling-exporter.ts',
    ]);
  });
});

describe('with a collector', () => {
  it('spans lie in each other as the work does, and tell who we are', async () => {
    const collector = await SpanCollector.start();
    const { tracer, close } = await opened(`${collector.url}/`);
    const seen: (string | undefined)[] = [tracer.current()];
    await tracer.span(
      'outer',
      { attributes: () => ({ 'steward.owner': 'o', absent: undefined }) },
      async (span) => {
        seen.push(tracer.current());
        await Promise.all([
          tracer.span('inner', {}, async (inner) => inner.set({ 'steward.instances': 3 })),
          tracer.span('apart', { parent: 'root' }, async () => undefined),
        ]);
        span.part('part', { 'steward.instance': 'i' });
      },
    );
    await close();
    const { spans } = collector;
    const [outer, inner, apart, part] = ['outer', 'inner', 'apart', 'part'].map((name) =>
      spans.find((span) => span.name === name),
    );
    expect(spans).toHaveLength(4);
    expect(outer).toMatchObject({ parentSpanId: '', attributes: { 'steward.owner': 'o' }, status: 0 });
    expect(inner).toMatchObject({ parentSpanId: outer?.spanId, attributes: { 'steward.instances': 3 } });
    expect(part).toMatchObject({ parentSpanId: outer?.spanId, attributes: { 'steward.instance': 'i' } });
    expect(apart).toMatchObject({ parentSpanId: '' });
    expect(apart?.traceId).not.toBe(outer?.traceId);
    expect(seen).toEqual([undefined, `00-${outer?.traceId}-${outer?.spanId}-01`]);
    expect([...collector.services]).toEqual(['steward-test']);
    expect([...collector.paths]).toEqual(['/v1/traces']);
  });

  it("a caller's trace goes on, and one that nobody can read is left alone", async () => {
    const collector = await SpanCollector.start();
    const { tracer, close } = await opened(collector.url);
    const [trace, caller] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
    for (const [name, parent] of Object.entries({
      known: `00-${trace}-${caller}-01`,
      unsampled: `00-${trace}-${caller}-00`,
      garbage: `00-${trace}-x`,
    }))
      await tracer.span(name, { parent, kind: 'server' }, async (span) =>
        expect(span.isSeen).toBe(name !== 'unsampled'),
      );
    await close();
    expect(collector.spans).toMatchObject([
      { name: 'known', traceId: trace, parentSpanId: caller },
      { name: 'garbage', parentSpanId: '' },
    ]);
  });

  it('a failure is told by its code only, and reaches whoever runs the work', async () => {
    const collector = await SpanCollector.start();
    const { tracer, close } = await opened(collector.url);
    const failure = new StewardError('database-refused', 'a message with a detail');
    const work = tracer.span('work', {}, () => Promise.reject(failure));
    await expect(work).rejects.toBe(failure);
    await close();
    expect(collector.spans).toMatchObject([{ attributes: { 'error.type': 'database-refused' }, status: 2 }]);
    expect(collector.bodies.join()).not.toContain('detail');
  });
});

describe('a collector that does not work', () => {
  it.each(['gone', 'silent'] as const)(
    'changes nothing for the work, and is waited for so long and no longer: %s',
    async (what) => {
      const collector = await SpanCollector.start('silent');
      const { url } = collector;
      if (what === 'gone') await collector.stop();
      const clock = new ManualClock();
      const { tracer, close } = await opened(url, clock);
      for (const result of [1, 2]) expect(await tracer.span('work', {}, async () => result)).toBe(result);
      const closed = close();
      if (what === 'silent') await expect.poll(() => collector.bodies.length).toBe(1);
      clock.advance(SPANS_FLUSH_MS);
      await closed;
    },
  );

  it('is told once', async () => {
    const collector = await SpanCollector.start('refusing');
    const { tracer, close, log } = await opened(collector.url);
    // More than one message holds.
    for (let count = 0; count < 600; count += 1) await tracer.span('work', {}, async () => undefined);
    await close();
    expect(collector.bodies.length).toBeGreaterThan(1);
    expect(log.filter((line) => line.includes('spans are lost'))).toHaveLength(1);
  });

  test('one line says that spans are lost, and one that they arrive again', () => {
    const log: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => log.push(JSON.parse(line).msg) });
    const results = ['down', 'down', 'up', 'up', 'down'];
    const exporter = new TellingExporter(
      {
        export: (_, done) =>
          done(results.shift() === 'up' ? { code: 0 } : { code: 1, error: new Error('down') }),
        shutdown: async () => undefined,
      },
      logger,
    );
    const lengths = [...results].map(() => {
      exporter.export([], () => undefined);
      return log.length;
    });
    expect(lengths).toEqual([1, 1, 2, 2, 3]);
  });
});
