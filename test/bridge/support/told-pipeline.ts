import { Writable } from 'node:stream';
import pino from 'pino';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { BridgeMetrics } from '../../../src/bridge/metrics.js';
import { createPipeline } from '../../../src/bridge/pipeline.js';
import type { Database } from '../../../src/database/database.js';
import { ManualClock, steadyRandom } from './manual-clock.js';

/** The pipeline as a bridge makes it, with what it logs and counts. */
export function toldPipeline(database: Database) {
  const registry = new Registry();
  const lines: string[] = [];
  const sink = new Writable({
    write: (line, _encoding, done) => {
      lines.push(String(line));
      done();
    },
  });
  const clock = new ManualClock();
  const { mailboxes } = createPipeline({
    ...{ database, writing: database, adoptUnknownInstances: true, prebuildReading: 'when-stopped' },
    ...{ mayPublish: () => false, lifecycle: undefined, publishers: [] },
    ...{ world: { clock, random: steadyRandom }, logger: pino(sink), metrics: new BridgeMetrics(registry) },
  });
  onTestFinished(() => mailboxes.halt());
  const valuesOf = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values;
  return { mailboxes, clock, lines, valuesOf };
}
