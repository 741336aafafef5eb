import { type ArchivePlace, restoreArchive, type WorkOptions } from './archive-objects.js';
import { ArchivedAttributes } from './attribute-proof.js';
import type { ArchiveManifest, Tree } from './manifest.js';
import { type Survey, surveyFolder } from './survey.js';

/** What came of restoring a backup for no other reason than to see whether it restores. */
export type Proof =
  /** Every byte of every archive was the stored one, and what they restored is what was there. */
  | { readonly kind: 'proven'; readonly tree: Omit<Tree, 'isExact'> }
  /** The archives are whole and restored, but with what to compare the result is not known exactly. */
  | { readonly kind: 'restored'; readonly why: string }
  | { readonly kind: 'different'; readonly why: string };

/**
 * Restores into an empty folder, which is left as it is then, and compares: the tree with what the manifest says, and
 * extended attributes and ACLs, of which it says nothing, with the headers of the archives. Fails as a restore does
 * when the archives are missing or damaged.
 */
export async function proveRestore(
  place: ArchivePlace,
  manifest: ArchiveManifest,
  scratch: string,
  options: WorkOptions,
): Promise<Proof> {
  const attributes = new ArchivedAttributes();
  await restoreArchive(place, manifest, scratch, { ...options, onArchive: () => attributes.nextArchive() });
  const compared = compareTree(manifest.tree, await surveyFolder(place.world, scratch, [], options.signal));
  if (compared.kind === 'different') return compared;
  const others = await attributes.compare(place.world, scratch, options.signal);
  switch (others.kind) {
    case 'different':
      return others;
    case 'too-many':
      return { kind: 'restored', why: 'too many entries have extended attributes or ACLs to compare those' };
    case 'same':
      return compared;
  }
}

function compareTree(tree: Tree | undefined, { entries, bytes, treeDigest: digest }: Survey): Proof {
  if (tree === undefined) return { kind: 'restored', why: 'its manifest does not say what was there' };
  if (digest === tree.digest) return { kind: 'proven', tree: { entries, bytes, digest } };
  const counts =
    `it restores ${entries} entries with ${bytes} bytes, ` +
    `and its manifest says ${tree.entries} with ${tree.bytes}`;
  return tree.isExact
    ? { kind: 'different', why: `${counts}; paths, modes, owners, times, sizes or links differ` }
    : { kind: 'restored', why: `the content was changed while it was backed up: ${counts}` };
}
