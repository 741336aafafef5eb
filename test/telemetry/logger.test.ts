import { describe, expect, it } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { SimulatedClock } from '../../src/gateways/simulated/clock.js';
import { createLogger } from '../../src/telemetry/logger.js';

describe('the log', () => {
  it('is JSON with the time of the clock and the name of the level', () => {
    const { logger, lines } = start(false);
    logger.info({ instance: 'i1', workspace: 'w1' }, 'content is there');
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: Date.UTC(2030, 0, 1),
      program: 'daemon',
      instance: 'i1',
      workspace: 'w1',
      msg: 'content is there',
    });
  });

  it('has no secrets, on any of three levels, nor in children', () => {
    const { logger, lines } = start(false);
    logger.info({ token: 'hunter2', request: { ownerToken: 'hunter2', auth: { password: 'hunter2' } } }, 'x');
    logger.child({ credentials: 'hunter2' }).warn('x');
    expect(lines.join('')).not.toContain('hunter2');
    expect(lines.join('')).toContain('[secret]');
  });

  it('has errors with their code, and leaves out what is below the level', () => {
    const { logger, lines } = start(false);
    logger.debug('unseen');
    logger.error({ err: new StewardError('disk-full', 'No room.') }, 'failed');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ err: { code: 'disk-full', message: 'No room.' } });
  });

  it('is one line for people on a terminal', () => {
    const { logger, lines } = start(true);
    logger.warn({ instance: 'i1', reason: 'two words', count: 3 }, 'careful');
    expect(lines).toEqual(['00:00:00.000 WARN  daemon careful instance=i1 reason="two words" count=3\n']);
    logger.error({ err: new StewardError('disk-full', 'No room.') }, 'failed');
    expect(lines[1]).toContain('error="disk-full: No room."');
    expect(lines[1]).toContain('logger.test.ts');
  });
});

function start(isPretty: boolean) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({
    program: 'daemon',
    level: 'info',
    isPretty,
    clock: new SimulatedClock(),
    destination,
  });
  return { logger, lines };
}
