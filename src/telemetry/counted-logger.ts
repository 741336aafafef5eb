import type { Bindings, ChildLoggerOptions, Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

/** The same log, whose lines are counted by level; its children's too. */
export function countedLogger(logger: Logger, registry: Registry): Logger {
  const lines = new Counter({
    name: 'gitpod_logs_total',
    help: 'Lines logged, by level.',
    labelNames: ['level'],
    registers: [registry],
  });
  for (const level of LEVELS) lines.inc({ level }, 0);
  return counting(logger, lines);
}

function counting(logger: Logger, lines: Counter<'level'>): Logger {
  return new Proxy(logger, {
    get(_target, name) {
      if (name === 'child') {
        return (bindings: Bindings, options?: ChildLoggerOptions) =>
          counting(logger.child(bindings, options), lines);
      }
      const found: unknown = Reflect.get(logger, name, logger);
      if (typeof found !== 'function') return found;
      const level = LEVELS.find((known) => known === name);
      return (...args: unknown[]) => {
        if (level !== undefined && logger.isLevelEnabled(level)) lines.inc({ level });
        return Reflect.apply(found, logger, args);
      };
    },
  });
}
