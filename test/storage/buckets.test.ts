import { describe, expect, it } from 'vitest';
import {
  type BucketRule,
  bucketPerOwner,
  gcsBucketPrefix,
  MINIO_BUCKET_PREFIX,
  nameByUrl,
  sharedBucket,
  urlAt,
} from '../../src/storage/buckets.js';
import { isObjectName, splitUrl } from '../../src/storage/object-name.js';

const minio = bucketPerOwner(MINIO_BUCKET_PREFIX);
const shared = sharedBucket('root-bucket');
const gcs = bucketPerOwner(gcsBucketPrefix('prodcopy'));

describe('where objects are kept', () => {
  it.each<[string, BucketRule, string, string, string]>([
    [
      'minio without a bucket',
      minio,
      'o/workspaces/w/backup.tar',
      'gitpod-user-o',
      'workspaces/w/backup.tar',
    ],
    ['minio with a bucket', shared, 'o/workspaces/w/backup.tar', 'root-bucket', 'o/workspaces/w/backup.tar'],
    ['gcs', gcs, 'o/workspaces/w/full.tar', 'gitpod-prodcopy-user-o', 'workspaces/w/full.tar'],
    [
      'a blob',
      minio,
      'o/blobs/my-object-name/with-slash',
      'gitpod-user-o',
      'blobs/my-object-name/with-slash',
    ],
    ['a blob in a shared bucket', shared, 'o/blobs/my-simple-name', 'root-bucket', 'o/blobs/my-simple-name'],
  ])('%s', (_, rule, name, bucket, key) => {
    expect(rule.placeOf(name)).toEqual({ bucket, key });
    expect(rule.nameAt({ bucket, key })).toBe(name);
    expect(nameByUrl(rule, urlAt({ bucket, key }))).toBe(name);
  });

  it.each(['my-simple-name', 'my-object-name/with-slash'])('takes the name %s', (name) => {
    expect(isObjectName(name)).toBe(true);
  });

  it.each(['with blank', 'ümläut', 'a/../b', '', 'a@b'])('refuses the name %j', (name) => {
    expect(isObjectName(name)).toBe(false);
  });

  it.each(['workspaces/w/x.tar', 'workspaces/w/x.tar@a@b', '@', 'x@', '@b', 'a b@c'])(
    'takes %j for no URL',
    (url) => {
      expect(splitUrl(url)).toBeUndefined();
    },
  );

  it('never gives two owners one bucket, and refuses those whose names would have to be changed', () => {
    for (const owner of ['Ada', 'a_b', 'a.b', 'a-', 'x'.repeat(60)]) {
      expect(() => minio.placeOf(`${owner}/blobs/x`), owner).toThrow('cannot have a bucket');
    }
    const uuid = '0123abcd-4567-89ab-cdef-0123456789ab';
    expect(gcs.placeOf(`${uuid}/blobs/x`).bucket).toBe(`gitpod-prodcopy-user-${uuid}`);
    expect(() => minio.placeOf('no-owner')).toThrow('must begin with its owner');
  });
});
