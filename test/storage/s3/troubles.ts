import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { AbortMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStorage } from '../../../src/storage/object-storage.js';
import { RetryingStorage } from '../../../src/storage/retrying.js';
import type { S3Options } from '../../../src/storage/s3/options.js';
import { S3Storage } from '../../../src/storage/s3/storage.js';
import { type Fault, FaultProxy, type SeenRequest } from '../../support/fault-proxy.js';
import { hastyWorld } from '../../support/hasty-world.js';
import { newBucket, plainClient, s3Options } from '../../support/s3-storage.js';
import type { S3Server } from '../../support/swift.js';

const { signal } = new AbortController();
/** More than two parts. */
const LARGE = Buffer.alloc(20 * 1024 * 1024, 'steward');

export interface ServerTraits {
  /** Lists uploads in parts that are under way. */
  readonly listsUploads: boolean;
  /** Compares signatures with the secret key. */
  readonly checksSecrets: boolean;
}

/** What an S3 storage must do when the server or the line is in trouble. */
export function bearsTrouble(kind: string, server: () => S3Server, knows: ServerTraits): void {
  describe(`${kind} in trouble`, { timeout: 60_000 }, () => {
    let proxy: FaultProxy;
    let bucket: string;
    beforeAll(async () => {
      proxy = await FaultProxy.before(server().endpoint);
    });
    beforeEach(async () => {
      proxy.rule = () => undefined;
      bucket = await newBucket(server());
    });
    afterAll(() => proxy.stop());

    const disturbed = (changes: Partial<S3Options> = {}): ObjectStorage => {
      const options = s3Options({ ...server(), endpoint: proxy.endpoint }, { bucket, ...changes });
      return new RetryingStorage(new S3Storage(hastyWorld(), options), hastyWorld());
    };
    const undisturbed = () => new S3Storage(hastyWorld(), s3Options(server(), { bucket }));
    const stored = async (name: string) => {
      const object = await undisturbed().get(name, { signal });
      return object === undefined ? undefined : buffer(object);
    };

    it('is slow, and that is all', async () => {
      proxy.rule = () => ({ kind: 'slow', milliseconds: 20 });
      await disturbed().put('a/1', Readable.from([LARGE]), { signal });
      expect((await stored('a/1'))?.equals(LARGE)).toBe(true);
    });

    it('repeats a part whose connection is lost, from memory: the body is read once', async () => {
      let cuts = 0;
      proxy.rule = (request) => {
        if (!isPart(request, 2) || cuts === 2) return undefined;
        cuts += 1;
        return { kind: 'cut-request', afterBytes: 3_000_000 };
      };
      await disturbed().put('a/1', Readable.from([LARGE]), { signal });
      expect(cuts).toBe(2);
      expect((await stored('a/1'))?.equals(LARGE)).toBe(true);
    });

    it('goes on after 500 and SlowDown', async () => {
      const failing = new Set([2, 3, 6, 7, 11]);
      const first = proxy.seen.length;
      proxy.rule = ({ number }) => {
        if (!failing.has(number - first)) return undefined;
        return number % 2 === 0 ? refusal(500, 'InternalError') : refusal(503, 'SlowDown');
      };
      await disturbed().put('a/1', Readable.from([LARGE]), { signal });
      expect((await stored('a/1'))?.equals(LARGE)).toBe(true);
    });

    it('makes one object when the answer to its commit is lost', async () => {
      for (const [name, body, isCommit] of [
        ['a/small', Buffer.from('small'), isPut],
        ['a/large', LARGE, isComplete],
      ] as const) {
        let cuts = 0;
        proxy.rule = (request) => {
          if (!isCommit(request) || cuts > 0) return undefined;
          cuts += 1;
          return { kind: 'cut-answer' };
        };
        const put = await disturbed().put(name, Readable.from([body]), { signal });
        expect(put).toMatchObject({ name, sizeBytes: body.length });
        expect((await stored(name))?.equals(body)).toBe(true);
        expect(cuts).toBe(1);
      }
    });

    it('fails as unavailable when it stays broken, and leaves nothing', async () => {
      for (const isBroken of [isPut, (request: SeenRequest) => isPart(request, 2), isComplete]) {
        proxy.rule = (request) => (isBroken(request) ? refusal(503, 'SlowDown') : undefined);
        const body = isBroken === isPut ? Buffer.from('small') : LARGE;
        const put = disturbed().put('a/1', Readable.from([body]), { signal });
        await expect(put).rejects.toMatchObject({ code: 'storage-unavailable' });
        proxy.rule = () => undefined;
        expect(await stored('a/1')).toBeUndefined();
        if (knows.listsUploads) expect(await uploadsIn(server(), bucket)).toEqual([]);
      }
    });

    it('comes back after an outage', async () => {
      const storage = disturbed();
      proxy.rule = () => ({ kind: 'cut-request', afterBytes: 0 });
      await expect(storage.check(signal)).rejects.toMatchObject({ code: 'storage-unavailable' });
      proxy.rule = () => undefined;
      await storage.check(signal);
      await storage.put('a/1', Readable.from(['x']), { signal });
    });

    it('ends a reading that breaks off with a failure, never as if it were whole', async () => {
      await undisturbed().put('a/1', Readable.from([LARGE]), { signal });
      proxy.rule = ({ method }) =>
        method === 'GET' ? { kind: 'cut-body', afterBytes: 1_000_000 } : undefined;
      const object = await disturbed().get('a/1', { signal });
      await expect(object && buffer(object)).rejects.toMatchObject({ code: 'storage-unavailable' });
    });

    it('deletes as many as the protocol allows in one request, and says when one is left', async () => {
      const isDelete = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('delete');
      let result = '<DeleteResult></DeleteResult>';
      proxy.rule = (request) =>
        isDelete(request)
          ? { kind: 'answer', status: 200, body: `<?xml version="1.0"?>${result}` }
          : undefined;
      const before = proxy.seen.length;
      const names = Array.from({ length: 2_500 }, (_, index) => `a/${index}`);
      await disturbed().deleteMany(names, signal);
      expect(proxy.seen.slice(before).filter(isDelete)).toHaveLength(3);
      result = '<DeleteResult><Error><Key>a/7</Key><Code>AccessDenied</Code></Error></DeleteResult>';
      await expect(disturbed().deleteMany(names, signal)).rejects.toMatchObject({ code: 'storage-refused' });
    });

    it('does not believe a server that accepts and keeps nothing', async () => {
      proxy.rule = (request) => (isPut(request) ? { kind: 'answer', status: 200 } : undefined);
      const put = disturbed().put('a/1', Readable.from(['x']), { signal });
      await expect(put).rejects.toThrow('does not keep what it accepts');
      await expect(disturbed().check(signal)).rejects.toThrow('does not keep what it accepts');
    });

    it('ends at once when aborted, also while the server is silent', async () => {
      proxy.rule = ({ method }) => (method === 'PUT' ? { kind: 'silent' } : undefined);
      const abort = new AbortController();
      const before = proxy.seen.length;
      const put = disturbed().put('a/1', Readable.from(['x']), { signal: abort.signal });
      const isSent = () => proxy.seen.slice(before).some(({ method }) => method === 'PUT');
      await expect.poll(isSent).toBe(true);
      abort.abort(new Error('no longer wanted'));
      await expect(put).rejects.toThrow('no longer wanted');
    });

    it.each([
      [507, 'XMinioStorageFull', 'disk-full', 'it is full'],
      [403, 'QuotaExceeded', 'disk-full', 'quota is used up'],
      [403, 'RequestTimeTooSkewed', 'storage-refused', 'its clock and the one of this machine'],
      [403, 'AccessDenied', 'storage-refused', 'denies access with these credentials'],
      [400, 'ExpiredToken', 'storage-refused', 'credentials have expired'],
      [301, 'PermanentRedirect', 'storage-refused', 'another region, or at another endpoint'],
      [400, 'AuthorizationHeaderMalformed', 'storage-refused', 'expects another region'],
    ])('says what %i %s means', async (status, code, expected, text) => {
      proxy.rule = (request) => (isPut(request) ? refusal(status, code) : undefined);
      const put = disturbed().put('a/1', Readable.from(['x']), { signal });
      await expect(put).rejects.toMatchObject({ code: expected });
      await expect(put).rejects.toThrow(text);
      await expect(put).rejects.not.toThrow(server().secretKey);
    });

    it('says that the bucket is missing', async () => {
      const storage = disturbed({ bucket: 'steward-nowhere' });
      await expect(storage.check(signal)).rejects.toMatchObject({ code: 'storage-refused' });
      await expect(storage.check(signal)).rejects.toThrow('the bucket does not exist');
    });

    it('says that the keys are wrong, and does not tell them', async () => {
      const { accessKey, secretKey } = server();
      for (const [access, secret] of [
        ['nobody', secretKey],
        ...(knows.checksSecrets ? [[accessKey, 'not-the-secret'] as const] : []),
      ] as const) {
        const storage = disturbed({ credentials: { kind: 'keys', accessKey: access, secretKey: secret } });
        const check = storage.check(signal);
        await expect(check).rejects.toMatchObject({ code: 'storage-refused' });
        await expect(check).rejects.not.toThrow('not-the-secret');
        await expect(check).rejects.not.toThrow(secretKey === 'S3RVER' ? 'x-no-such' : secretKey);
      }
    });
  });
}

/** Multipart uploads under way; those of the test are ended, so that the next one counts its own. */
async function uploadsIn(server: S3Server, bucket: string): Promise<string[]> {
  const client = plainClient(server);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  for (const { Key, UploadId } of Uploads) {
    await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
  }
  return Uploads.map(({ Key }) => Key ?? '');
}

function isPart({ method, url }: SeenRequest, number: number): boolean {
  return method === 'PUT' && url.includes(`partNumber=${number}&`);
}

function isPut({ method, url }: SeenRequest): boolean {
  return method === 'PUT' && !url.includes('partNumber');
}

function isComplete({ method, url }: SeenRequest): boolean {
  return method === 'POST' && url.includes('uploadId=');
}

function refusal(status: number, code: string): Fault {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>secretive</Message></Error>`;
  return { kind: 'answer', status, body, headers: { 'content-type': 'application/xml' } };
}
