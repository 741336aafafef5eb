import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { storageTime } from '../../src/daemon/housekeeping/storage-clock.js';
import { agreedKeeping } from '../../src/daemon/housekeeping/stored-policy.js';
import { realWorld } from '../../src/gateways/real/world.js';
import type { ObjectStorage } from '../../src/storage/object-storage.js';

const { signal } = new AbortController();

/** Where a server for tests does not do what the protocol says. */
export interface Quirks {
  /** Lists what is below `a/` before `a-b`. */
  readonly listsByFolder?: boolean;
  /** Answers with an error when one of many to delete is not there. */
  readonly missesOneOfMany?: boolean;
  /** Lives at a time of its own. */
  readonly isElsewhen?: boolean;
}

/** What every object storage must do; `make` gives a new, empty one. */
export function conformsToObjectStorage(
  kind: string,
  make: () => Promise<ObjectStorage>,
  quirks: Quirks = {},
): void {
  const inOrder = (names: readonly string[]) =>
    quirks.listsByFolder === true ? [...names].sort(byFolder) : [...names].sort();
  describe(`${kind} as object storage`, { timeout: 60_000 }, () => {
    it('gives back what was put, whole and in parts', async () => {
      const storage = await make();
      const bytes = Buffer.alloc(300_000, 'steward');
      const put = await storage.put('a/b.tar', Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]), {
        signal,
      });
      expect(put).toMatchObject({ name: 'a/b.tar', sizeBytes: 300_000 });
      const { sha256: _sha256, ...kept } = put;
      expect(await storage.head('a/b.tar', signal)).toEqual(kept);
      expect((await contentOf(storage, 'a/b.tar')).equals(bytes)).toBe(true);
      expect(await contentOf(storage, 'a/b.tar', { start: 5, end: 11 })).toEqual(bytes.subarray(5, 12));
      expect(await contentOf(storage, 'a/b.tar', { start: 299_990 })).toEqual(bytes.subarray(299_990));
    });

    it('stores an object without content', async () => {
      const storage = await make();
      await storage.put('a/empty', Readable.from([]), { signal });
      expect(await storage.head('a/empty', signal)).toMatchObject({ sizeBytes: 0 });
      expect(await contentOf(storage, 'a/empty')).toEqual(Buffer.alloc(0));
    });

    it('answers undefined for what is not there', async () => {
      const storage = await make();
      expect(await storage.head('a/nothing', signal)).toBeUndefined();
      expect(await storage.get('a/nothing', { signal })).toBeUndefined();
      await storage.delete('a/nothing', signal);
    });

    it('never replaces an object', async () => {
      const storage = await make();
      await storage.put('a/1', Readable.from(['first']), { signal });
      await expect(storage.put('a/1', Readable.from(['second']), { signal })).rejects.toMatchObject({
        code: 'already-exists',
      });
      expect(String(await contentOf(storage, 'a/1'))).toBe('first');
    });

    it('replaces one when told to, and makes it when there is none', async () => {
      const storage = await make();
      await storage.replace('a/1', Readable.from(['first']), { signal });
      const second = await storage.replace('a/1', Readable.from(['the second']), { signal });
      expect(second).toMatchObject({ name: 'a/1', sizeBytes: 10 });
      expect(String(await contentOf(storage, 'a/1'))).toBe('the second');
      expect(await namesIn(storage, '')).toEqual(['a/1']);
    });

    it('tells what time it is, and keeps what the nodes that share it have agreed', async () => {
      const storage = await make();
      const { clock } = realWorld();
      const { aheadMs } = await storageTime({ clock, storage, node: 'one' }, signal);
      if (quirks.isElsewhen !== true) expect(Math.abs(aheadMs)).toBeLessThan(60_000);
      const kinds: string[] = [];
      for (const keepCount of [3, 5, 3]) {
        const wish = { revision: 0, keepCount, keepAgeMs: 0, orphanAgeMs: 0 };
        const agreed = await agreedKeeping({ storage, wish, node: `node-${keepCount}` }, signal);
        kinds.push(`${agreed.kind} ${agreed.keeping.keepCount}`);
      }
      expect(kinds).toEqual(['new 3', 'new 5', 'more 5']);
    });

    it('keeps the object when its replacement breaks off', async () => {
      const storage = await make();
      await storage.put('a/1', Readable.from(['first']), { signal });
      async function* broken() {
        yield Buffer.alloc(100_000);
        throw new Error('tar died');
      }
      await expect(storage.replace('a/1', Readable.from(broken()), { signal })).rejects.toThrow('tar died');
      expect(String(await contentOf(storage, 'a/1'))).toBe('first');
    });

    it('names each object by a URL of its own, and knows it by that', async () => {
      const storage = await make();
      const names = ['ada/workspaces/w/snapshot-1.tar', 'ada/blobs/x', 'bob/blobs/x'];
      const urls = names.map((name) => storage.urlOf(name));
      expect(new Set(urls).size).toBe(3);
      for (const url of urls) expect(url).toMatch(/^[^@]+@[^@]+$/);
      expect(urls.map((url) => storage.nameOf(url))).toEqual(names);
      const [url = ''] = urls;
      const foreign = [
        '',
        'a',
        '@',
        `${url}@x`,
        `${url}/x`,
        `../${url}`,
        url.replace('@', ' @'),
        'a/b@elsewhere',
      ];
      for (const other of foreign) expect(storage.nameOf(other), other).toBeUndefined();
    });

    it('lets exactly one of two who put the same name win', async () => {
      const storage = await make();
      const puts = ['x', 'y'].map((content) => storage.put('a/race', Readable.from([content]), { signal }));
      const results = await Promise.allSettled(puts);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    it('lists by prefix in the order of names', async () => {
      const storage = await make();
      const names = ['w/b', 'w/a/2', 'w/a/10', 'w/a-b', 'w/a.b/c', 'w2/x', 'v/y'];
      for (const name of names) await storage.put(name, Readable.from(['x']), { signal });
      expect(await namesIn(storage, '')).toEqual(inOrder(names));
      expect(await namesIn(storage, 'w/')).toEqual(inOrder(['w/a-b', 'w/a.b/c', 'w/a/10', 'w/a/2', 'w/b']));
      expect(await namesIn(storage, 'w/a')).toEqual(inOrder(['w/a-b', 'w/a.b/c', 'w/a/10', 'w/a/2']));
      expect(await namesIn(storage, 'w/a/1')).toEqual(['w/a/10']);
      expect(await namesIn(storage, 'none/')).toEqual([]);
      if (quirks.listsByFolder === true) return;
      for (const after of ['w/a.b', 'w/a/10', 'w/zzz', 'u/z/9']) {
        const behind = inOrder(names).filter((name) => name > after);
        expect(await namesIn(storage, '', after), after).toEqual(behind);
      }
      expect(await namesIn(storage, 'w/', 'w/a/10')).toEqual(['w/a/2', 'w/b']);
    });

    it('deletes for good', async () => {
      const storage = await make();
      await storage.put('a/1', Readable.from(['x']), { signal });
      await storage.delete('a/1', signal);
      expect(await namesIn(storage, '')).toEqual([]);
      await storage.put('a/1', Readable.from(['again']), { signal });
      expect(String(await contentOf(storage, 'a/1'))).toBe('again');
    });

    it('deletes many at once, missing ones among them', async () => {
      const storage = await make();
      const names = ['a/1', 'a/2', 'b/1', 'b/2'];
      for (const name of names) await storage.put(name, Readable.from(['x']), { signal });
      const missing = quirks.missesOneOfMany === true ? [] : ['a/none'];
      await storage.deleteMany(['a/1', ...missing, 'b/1'], signal);
      expect(await namesIn(storage, '')).toEqual(['a/2', 'b/2']);
      await storage.deleteMany([], signal);
    });

    it('leaves nothing when the body breaks off, and reports that failure as it is', async () => {
      const storage = await make();
      async function* broken() {
        yield Buffer.alloc(100_000);
        throw new Error('tar died');
      }
      await expect(storage.put('a/1', Readable.from(broken()), { signal })).rejects.toThrow('tar died');
      expect(await namesIn(storage, '')).toEqual([]);
    });

    it('leaves nothing when aborted, and rejects with the reason', async () => {
      const storage = await make();
      const abort = new AbortController();
      async function* endless() {
        for (let count = 0; ; count += 1) {
          if (count === 3) abort.abort(new Error('no longer wanted'));
          yield Buffer.alloc(10_000);
        }
      }
      await expect(storage.put('a/1', Readable.from(endless()), { signal: abort.signal })).rejects.toThrow(
        'no longer wanted',
      );
      expect(await namesIn(storage, '')).toEqual([]);
      await expect(storage.head('a/1', abort.signal)).rejects.toThrow('no longer wanted');
    });

    it.each(['', '/a', 'a/', 'a//b', '..', 'a/../b', './a', 'a b', 'a\nb', 'ä', 'a\\b', 'x'.repeat(1_001)])(
      'refuses the name %j',
      async (name) => {
        const storage = await make();
        const body = Readable.from(['x']);
        await expect(storage.put(name, body, { signal })).rejects.toMatchObject({ code: 'invalid-argument' });
        await expect(storage.head(name, signal)).rejects.toMatchObject({ code: 'invalid-argument' });
        await expect(storage.delete(name, signal)).rejects.toMatchObject({ code: 'invalid-argument' });
      },
    );

    it('finds itself usable, and its probe leaves nothing', async () => {
      const storage = await make();
      await storage.check(signal);
      expect(await namesIn(storage, '')).toEqual([]);
    });

    it('takes many objects at once', async () => {
      const storage = await make();
      const names = Array.from({ length: 50 }, (_, index) => `many/${index % 5}/${index}`);
      await Promise.all(names.map((name) => storage.put(name, Readable.from([name]), { signal })));
      expect(await namesIn(storage, 'many/')).toEqual(inOrder(names));
      const object = await storage.get('many/3/13', { signal });
      expect(object && (await text(object))).toBe('many/3/13');
    });
  });
}

function byFolder(a: string, b: string): number {
  return a.replaceAll('/', '\u0000') < b.replaceAll('/', '\u0000') ? -1 : 1;
}

async function contentOf(
  storage: ObjectStorage,
  name: string,
  range?: { start: number; end?: number },
): Promise<Buffer> {
  const object = await storage.get(name, range === undefined ? { signal } : { signal, range });
  if (object === undefined) throw new Error(`there is no ${name}`);
  return buffer(object);
}

async function namesIn(storage: ObjectStorage, prefix: string, after?: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of storage.list(prefix, signal, after)) names.push(name);
  return names;
}
