import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
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

  it('tell a reader that they broke off', async () => {
    const abort = new AbortController();
    const bytes = readingFailuresAs(new PassThrough(), abort.signal, () => new Error());
    const reading = bytes.toArray();
    abort.abort(new Error('gone'));
    await expect(reading).rejects.toThrow('aborted');
  });
});
