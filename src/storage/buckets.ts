import { StewardError } from '../errors/steward-error.js';
import { BUCKET_LENGTH_MAX } from './bounds.js';
import { checkObjectName, splitUrl } from './object-name.js';
import type { ObjectName } from './object-storage.js';

/** Where a storage keeps an object. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

/** How the names of objects become buckets and keys, and back (content spec 4.3). */
export interface BucketRule {
  /** Throws `invalid-argument` for a name that has no place. */
  placeOf(name: ObjectName): ObjectPlace;
  nameAt(place: ObjectPlace): ObjectName | undefined;
  /** Where the objects of a prefix are: in one bucket, or in every one whose name begins like this. */
  placeOfPrefix(prefix: string): ObjectPlace | { readonly bucketPrefix: string };
}

/** One bucket for everybody; the key is the name. */
export function sharedBucket(bucket: string): BucketRule {
  return {
    placeOf: (name) => {
      checkObjectName(name);
      return { bucket, key: name };
    },
    nameAt: (place) => (place.bucket === bucket ? place.key : undefined),
    placeOfPrefix: (prefix) => ({ bucket, key: prefix }),
  };
}

/** A bucket per owner, `<prefix><owner>`; the key is what follows the owner in the name. */
export function bucketPerOwner(bucketPrefix: string): BucketRule {
  return {
    placeOf: (name) => {
      checkObjectName(name);
      const { owner, rest } = splitOwner(name);
      if (rest === '')
        throw new StewardError('invalid-argument', 'The object name must begin with its owner.');
      return { bucket: checkedBucket(`${bucketPrefix}${owner}`, owner), key: rest };
    },
    nameAt: ({ bucket, key }) =>
      bucket.startsWith(bucketPrefix) && bucket.length > bucketPrefix.length
        ? `${bucket.slice(bucketPrefix.length)}/${key}`
        : undefined,
    placeOfPrefix: (prefix) => {
      const { owner, rest } = splitOwner(prefix);
      if (!prefix.includes('/')) return { bucketPrefix: `${bucketPrefix}${owner}` };
      return { bucket: checkedBucket(`${bucketPrefix}${owner}`, owner), key: rest };
    },
  };
}

/** Whether a bucket can hold names behind this one. */
export function mayHoldBehind(rule: BucketRule, bucket: string, after: ObjectName | undefined): boolean {
  if (after === undefined) return true;
  const last = rule.nameAt({ bucket, key: '~' });
  return last !== undefined && last > after;
}

/** The key in this bucket that a name comes at; undefined when all of the bucket comes behind it. */
export function keyIn(rule: BucketRule, bucket: string, name: ObjectName): string | undefined {
  const first = rule.nameAt({ bucket, key: '' });
  return first !== undefined && name.startsWith(first) ? name.slice(first.length) || undefined : undefined;
}

/** Buckets of the known system on Google Cloud Storage begin like this. */
export function gcsBucketPrefix(stage: string): string {
  return `gitpod-${stage}-user-`;
}

/** Buckets of the known system on MinIO when no bucket is configured begin like this. */
export const MINIO_BUCKET_PREFIX = 'gitpod-user-';

/** `<key>@<bucket>`, as clients get it. */
export function urlAt({ bucket, key }: ObjectPlace): string {
  return `${key}@${bucket}`;
}

/** The object that a URL names under this rule; undefined when it is not one. */
export function nameByUrl(rule: BucketRule, url: string): ObjectName | undefined {
  const place = splitUrl(url);
  return place && rule.nameAt(place);
}

function splitOwner(name: string): { readonly owner: string; readonly rest: string } {
  const slash = name.indexOf('/');
  return slash < 0 ? { owner: name, rest: '' } : { owner: name.slice(0, slash), rest: name.slice(slash + 1) };
}

/** Two owners must never share a bucket, so a name that would have to be changed to fit is refused. */
function checkedBucket(bucket: string, owner: string): string {
  if (bucket.length <= BUCKET_LENGTH_MAX && /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(bucket)) return bucket;
  throw new StewardError(
    'invalid-argument',
    `The owner ${owner} cannot have a bucket: its name may hold at most ${BUCKET_LENGTH_MAX} lower-case letters, digits and "-".`,
  );
}
