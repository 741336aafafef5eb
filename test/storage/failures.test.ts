import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { readingFailuresAs } from '../../src/storage/failures.js';

describe('the bytes of an object', () => {
  it('end nobody when they are aborted before anybody reads them', async () => {
    const uncaught: unknown[] = [];
    const listen = (error: unknown) => uncaught.push(error);
    process.on('uncaughtException', listen);
    try {
      const bytes = readingFailuresAs(
        new PassThrough(),
        AbortSignal.abort(new Error('gone')),
        () => new Error(),
      );
      await turn();
      await turn();
      expect(bytes.destroyed).toBe(true);
      expect(uncaught).toEqual([]);
    } finally {
      process.off('uncaughtException', listen);
    }
  });

  it.each(['before', 'while'])('tell a reader why they broke off %s it read', async (moment) => {
    const abort = new AbortController();
    const late = new StewardError('deadline-exceeded', 'the backup took too long');
    if (moment === 'before') abort.abort(late);
    const bytes = readingFailuresAs(new PassThrough(), abort.signal, () => new Error());
    const reading = bytes.toArray();
    abort.abort(late);
    await expect(reading).rejects.toBe(late);
  });
});
