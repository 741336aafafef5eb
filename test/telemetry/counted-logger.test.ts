import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { countedLogger } from '../../src/telemetry/counted-logger.js';

it('counts what is logged by level, children included, and changes no line', async () => {
  const lines: string[] = [];
  const plain = pino({ level: 'info', base: null, timestamp: false }, { write: (line) => lines.push(line) });
  const registry = new Registry();
  const logger = countedLogger(plain, registry);
  logger.info({ instance: 'i1' }, 'begun');
  logger.child({ owner: 'ada' }).child({ workspace: 'loom' }).error('broken');
  logger.debug('not shown, so not counted');
  expect(lines).toEqual([
    '{"level":30,"instance":"i1","msg":"begun"}\n',
    '{"level":50,"owner":"ada","workspace":"loom","msg":"broken"}\n',
  ]);
  const shown = await registry.metrics();
  for (const count of ['info"} 1', 'error"} 1', 'debug"} 0']) {
    expect(shown).toContain(`gitpod_logs_total{level="${count}`);
  }
});
