import type { Clock } from '../../gateways/clock.js';
import { STALE_UPLOAD_AGE_MS } from './bounds.js';
import type { S3Connection } from './connection.js';
import { saysNoSuchObject, saysNotImplemented } from './failures.js';

/**
 * Ends uploads in parts that began long ago and that nobody can still be at; resolves with their number. Of a server
 * that cannot list them nothing is known, and its operator sees to it; that is no failure of ours.
 */
export async function sweepUploads(
  connection: S3Connection,
  clock: Clock,
  bucket: string,
  signal: AbortSignal,
): Promise<number> {
  try {
    return await endStaleUploads(connection, clock, bucket, signal);
  } catch (error) {
    if (saysNotImplemented(error)) return 0;
    throw error;
  }
}

async function endStaleUploads(
  connection: S3Connection,
  clock: Clock,
  bucket: string,
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  let after: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined = {};
  while (after !== undefined) {
    const marker: object = after;
    const page = await connection.call(signal, ({ sdk, client }) =>
      client.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucket, ...marker }), {
        abortSignal: signal,
      }),
    );
    for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
      const isStale = Initiated !== undefined && Initiated.getTime() < clock.now() - STALE_UPLOAD_AGE_MS;
      if (!isStale || Key === undefined || UploadId === undefined) continue;
      await abandon(connection, { Bucket: bucket, Key, UploadId }, signal);
      count += 1;
    }
    const { NextKeyMarker, NextUploadIdMarker } = page;
    const hasMore = page.IsTruncated === true && NextKeyMarker !== undefined;
    after = hasMore
      ? {
          KeyMarker: NextKeyMarker,
          ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
        }
      : undefined;
  }
  return count;
}

/** One that is gone meanwhile is fine. */
async function abandon(
  connection: S3Connection,
  upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string },
  signal: AbortSignal,
): Promise<void> {
  await connection.call(signal, async ({ sdk, client }) => {
    try {
      await client.send(new sdk.AbortMultipartUploadCommand(upload), { abortSignal: signal });
    } catch (error) {
      if (!saysNoSuchObject(error)) throw error;
    }
  });
}
