import { join } from 'node:path';
import type { DirectoryEntry, Files } from '../../gateways/files.js';
import { SHARE_ENTRIES_MAX, SHARE_ENTRIES_MIN, SHARE_FOLDERS_MAX } from './bounds.js';

/** Entries of one folder; all paths are relative to the tree. */
export interface Share {
  readonly folder: string;
  readonly names: readonly string[];
}

export interface Shares {
  /** What each of several workers does, one share after the other; together they cover the tree. */
  readonly workers: readonly (readonly Share[])[];
  /** Folders whose entries were shared out, the topmost first: they have to be made before, and finished after. */
  readonly folders: readonly string[];
}

/**
 * Shares a tree out among workers by the entries of its topmost folders, going down where there are too few. One
 * worker without that where it cannot be done: undefined. Files that have names in several folders must not be
 * shared out, since no worker knows what another one made.
 */
export async function sharesOf(files: Files, tree: string, workers: number): Promise<Shares | undefined> {
  const folders: string[] = [];
  const open = [''];
  const found: { folder: string; entry: DirectoryEntry }[] = [];
  while (open.length > 0 && folders.length < SHARE_FOLDERS_MAX) {
    const folder = open.shift() ?? '';
    const entries = await files.list(join(tree, folder));
    // A name that is not UTF-8 would not be found again.
    if (entries.some(({ name }) => name.includes('\uFFFD'))) return undefined;
    const place = found.findIndex(({ folder: parent, entry }) => join(parent, entry.name) === folder);
    if (place >= 0) found.splice(place, 1);
    folders.push(folder);
    found.push(...entries.map((entry) => ({ folder, entry })));
    if (found.length > SHARE_ENTRIES_MAX) return undefined;
    if (found.length >= SHARE_ENTRIES_MIN) break;
    const inside = entries.filter(({ kind }) => kind === 'directory');
    open.push(...inside.map(({ name }) => join(folder, name)));
  }
  if (found.length < workers) return undefined;
  return { folders, workers: dealt(found, workers) };
}

/** In turns, since neighbours are often of a size. */
function dealt(
  found: readonly { readonly folder: string; readonly entry: DirectoryEntry }[],
  workers: number,
): readonly (readonly Share[])[] {
  return Array.from({ length: workers }, (_, worker) => {
    const names = new Map<string, string[]>();
    for (let at = worker; at < found.length; at += workers) {
      const one = found[at];
      if (one === undefined) continue;
      const inFolder = names.get(one.folder) ?? [];
      inFolder.push(one.entry.name);
      names.set(one.folder, inFolder);
    }
    return [...names].map(([folder, ofFolder]) => ({ folder, names: ofFolder }));
  });
}
