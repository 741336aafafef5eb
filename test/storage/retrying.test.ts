import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { RealClock } from '../../src/gateways/real/clock.js';
import { MeasuredStorage } from '../../src/storage/measured.js';
import type { ObjectStorage, StoredObject } from '../../src/storage/object-storage.js';
import { RetryingStorage } from '../../src/storage/retrying.js';

const { signal } = new AbortController();
const object: StoredObject = { name: 'a', sizeBytes: 1, modifiedMs: 0 };

describe('RetryingStorage', () => {
  it('tries again what was unavailable, with growing pauses', async () => {
    const { storage, pauses, calls } = flaky(3, 'storage-unavailable');
    expect(await storage.head('a', signal)).toEqual(object);
    expect(calls()).toBe(4);
    expect(pauses).toEqual([250, 500, 1000]);
  });

  it('gives up after its attempts', async () => {
    const { storage, calls } = flaky(100, 'storage-unavailable');
    await expect(storage.head('a', signal)).rejects.toMatchObject({ code: 'storage-unavailable' });
    expect(calls()).toBe(4);
  });

  it.each(['disk-full', 'already-exists', 'invalid-argument'] as const)(
    'does not repeat %s',
    async (code) => {
      const { storage, calls } = flaky(1, code);
      await expect(storage.delete('a', signal)).rejects.toMatchObject({ code });
      expect(calls()).toBe(1);
    },
  );

  it('does not go on after an abort', async () => {
    const abort = new AbortController();
    const { storage, calls } = flaky(100, 'storage-unavailable', () => abort.abort(new Error('stop')));
    await expect(storage.head('a', abort.signal)).rejects.toThrow();
    expect(calls()).toBe(1);
  });

  it('repeats a put only while nothing was read of the body', async () => {
    const untouched = flaky(1, 'storage-unavailable');
    expect(await untouched.storage.put('a', Readable.from(['x']), { signal })).toEqual(object);
    expect(untouched.calls()).toBe(2);
    const touched = flaky(1, 'storage-unavailable', undefined, (body) => text(body));
    await expect(touched.storage.put('a', Readable.from(['x']), { signal })).rejects.toMatchObject({
      code: 'storage-unavailable',
    });
    expect(touched.calls()).toBe(1);
  });

  it('goes on with a list where it broke off', async () => {
    const { storage } = flaky(2, 'storage-unavailable');
    const names: string[] = [];
    for await (const { name } of storage.list('', signal)) names.push(name);
    expect(names).toEqual(['a', 'b', 'c']);
  });
});

describe('MeasuredStorage', () => {
  it('counts operations by outcome, and bytes stored', async () => {
    const registry = new Registry();
    const { flakyStorage } = flaky(1, 'storage-unavailable');
    const storage = new MeasuredStorage(flakyStorage, new RealClock(), registry, 's3');
    await storage.head('a', signal).catch(() => undefined);
    await storage.head('a', signal);
    await storage.put('a', Readable.from(['x']), { signal });
    const lines = (await registry.metrics()).split('\n');
    expect(lines).toContain(
      'steward_storage_operation_seconds_count{backend="s3",operation="head",outcome="storage-unavailable"} 1',
    );
    expect(lines).toContain(
      'steward_storage_operation_seconds_count{backend="s3",operation="head",outcome="ok"} 1',
    );
    expect(lines).toContain('steward_storage_written_bytes_total{backend="s3"} 1');
  });
});

/** A storage that fails so many times first; a list fails after one more name each time. */
function flaky(
  failures: number,
  code: StewardError['code'],
  onCall: () => void = () => undefined,
  onBody: (body: Readable) => Promise<unknown> = async () => undefined,
) {
  const pauses: number[] = [];
  let count = 0;
  const answer = async <T>(result: T): Promise<T> => {
    count += 1;
    onCall();
    if (count <= failures) throw new StewardError(code, 'no');
    return result;
  };
  const flakyStorage: ObjectStorage = {
    urlOf: (name) => `${name}@test`,
    nameOf: () => undefined,
    replace: () => answer(object),
    deleteMany: () => answer(undefined),
    sign: () => answer(''),
    sweep: () => answer(0),
    put: async (_name, body) => {
      await onBody(body);
      return answer(object);
    },
    get: () => answer(undefined),
    head: () => answer(object),
    settle: () => answer(undefined),
    async *list() {
      count += 1;
      for (const [index, name] of ['a', 'b', 'c'].entries()) {
        if (count <= failures && index === count) throw new StewardError(code, 'no');
        yield { ...object, name };
      }
    },
    delete: () => answer(undefined),
    check: () => answer(undefined),
  };
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    schedule: (at: number, callback: () => void) => {
      pauses.push(at);
      queueMicrotask(callback);
      return { cancel: () => undefined };
    },
  };
  const random = { fraction: () => 0.5, uuid: () => '', bytes: () => new Uint8Array() };
  const storage = new RetryingStorage(flakyStorage, { clock, random });
  return { storage, flakyStorage, pauses, calls: () => count };
}
