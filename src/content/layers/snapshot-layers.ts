import { createHash } from 'node:crypto';
import type { InstanceId } from '../../../machines/ids.js';
import type { ObjectStorage } from '../../storage/object-storage.js';
import type { ContentLayers } from '../initializers/plan.js';
import type { ArchiveManifest } from '../manifest.js';
import { readSource } from '../snapshots.js';
import type { LayerCache } from './layer-cache.js';

export interface SnapshotLayersOptions {
  readonly cache: LayerCache;
  readonly storage: ObjectStorage;
  readonly instance: InstanceId;
  /** Bytes the content may take; 0 for no limit. */
  readonly quotaBytes: number;
}

/**
 * Snapshots and versions of backups by their URL, for one instance. The manifest is read each time: a snapshot that was deleted is not given
 * out any more, and what counts as the same are the digests of its archives. One without a manifest, as others write
 * them, may be replaced under its name, so it is not kept; nor is one above the quota, which the unpack refuses.
 */
export class SnapshotLayers implements ContentLayers {
  readonly #options: SnapshotLayersOptions;

  constructor(options: SnapshotLayersOptions) {
    this.#options = options;
  }

  async populate(
    url: string,
    folder: string,
    unpack: (into: string, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { cache, storage, instance, quotaBytes } = this.#options;
    const manifest = await readSource(storage, url, signal);
    const expectedBytes = manifest === undefined ? 0 : bytesOf(manifest);
    if (manifest === undefined || (quotaBytes > 0 && expectedBytes > quotaBytes)) {
      await unpack(folder, signal);
      return;
    }
    const request = { key: keyOf(manifest), folder, instance, expectedBytes, signal };
    await cache.populate(request, (into) => unpack(into, signal));
  }
}

function bytesOf({ parts }: ArchiveManifest): number {
  return parts.reduce((sum, { contentBytes }) => sum + contentBytes, 0);
}

function keyOf({ parts }: ArchiveManifest): string {
  const digests = parts.map(({ kind, sha256 }) => `${kind} ${sha256}\n`);
  return createHash('sha256').update(digests.join('')).digest('hex');
}
