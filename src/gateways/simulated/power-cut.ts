import { applyToDisk, type FileTree } from './file-tree.js';
import { Content, type FileInode, type FolderInode, type Inode } from './inode.js';
import type { SeededRandom } from './random.js';

/**
 * What a power cut does to a disk: all that is certain stays, of the rest a random part. Changes of names
 * survive each as a whole and otherwise independently of each other, which is harsher than most file systems.
 */
export function cutPower(tree: FileTree, random: SeededRandom): void {
  for (const change of tree.unsynced) if (random.isHit(0.5)) applyToDisk(change);
  tree.unsynced.splice(0);
  const seen = new Set<Inode>();
  const reboot = (folder: FolderInode) => {
    folder.entries.clear();
    for (const [name, inode] of folder.synced) {
      folder.entries.set(name, inode);
      if (inode.kind === 'file' && !seen.has(inode)) inode.links = 0;
      if (inode.kind === 'file') inode.links += 1;
      if (seen.has(inode)) continue;
      seen.add(inode);
      if (inode.kind === 'directory') reboot(inode);
      if (inode.kind === 'file') inode.content = inode.synced = survivingContent(inode, random);
    }
  };
  reboot(tree.root);
}

/** Unsynced bytes may all be there, be missing, be there in part, or read as zeros. */
function survivingContent(file: FileInode, random: SeededRandom): Content {
  if (file.content === file.synced || random.isHit(0.25)) return file.synced;
  if (random.isHit(0.33)) return file.content;
  const bytes = file.content.bytes();
  const kept = bytes.subarray(0, random.integer(0, bytes.length));
  if (random.isHit(0.5)) return new Content([kept]);
  return new Content([kept, Buffer.alloc(bytes.length - kept.length)]);
}
