import { Readable } from 'node:stream';
import type { SimulatedDisk } from '../../src/gateways/simulated/disk.js';
import type { Content, FolderInode, Inode } from '../../src/gateways/simulated/inode.js';
import { readMembers } from '../../src/gateways/simulated/programs/tar-format.js';

/** What a folder holds, as one line of text per path: two folders are the same when their maps are. */
export type Tree = ReadonlyMap<string, string>;

/** `durable`: what a power cut could not take away. */
export type Moment = 'now' | 'durable';

/** The marker that content is ready, and what waits to be put into it, belong to the daemon and are in no archive. */
const NOT_CONTENT = /^\.gitpod(\/ready(\.tmp)?)?$|^\.steward-restore(\/|$)/;

/** Looks at a simulated disk from outside: no operation is counted and no fault strikes. */
export class DiskView {
  readonly #disk: SimulatedDisk;

  constructor(disk: SimulatedDisk) {
    this.#disk = disk;
  }

  inode(path: string, moment: Moment = 'now'): Inode | undefined {
    let at: Inode | undefined = this.#disk.tree.root;
    for (const part of path.split('/').filter((text) => text !== '')) {
      if (at?.kind !== 'directory') return undefined;
      at = namesOf(at, moment).get(part);
    }
    return at;
  }

  bytes(path: string, moment: Moment = 'now'): Buffer | undefined {
    return this.stored(path, moment)?.bytes();
  }

  /** Content of a file, which is another object as soon as it changes. */
  stored(path: string, moment: Moment): Content | undefined {
    const found = this.inode(path, moment);
    if (found?.kind !== 'file') return undefined;
    return moment === 'now' ? found.content : found.synced;
  }

  names(path: string, moment: Moment = 'now'): readonly string[] {
    const found = this.inode(path, moment);
    return found?.kind === 'directory' ? [...namesOf(found, moment).keys()].sort() : [];
  }

  /** Content of a workspace; undefined when the folder is not there. */
  content(path: string, moment: Moment = 'now'): Tree | undefined {
    const root = this.inode(path, moment);
    if (root?.kind !== 'directory') return undefined;
    const tree = new Map<string, string>();
    collect(root, '', moment, tree);
    return tree;
  }

  /** Paths of everything below a folder. */
  paths(path: string): readonly string[] {
    const found: string[] = [];
    const visit = (inode: Inode | undefined, name: string) => {
      found.push(name);
      if (inode?.kind !== 'directory') return;
      for (const [child, one] of inode.entries) visit(one, `${name}/${child}`);
    };
    visit(this.inode(path), path);
    return found;
  }
}

/** What a chain of archives of the simulated tar would restore: everything, and then one increment over another. */
export async function treeInArchives(archives: readonly Buffer[]): Promise<Tree> {
  const tree = new Map<string, string>();
  for (const [index, archive] of archives.entries()) await apply(archive, index > 0, tree);
  return tree;
}

async function apply(archive: Buffer, isIncrement: boolean, tree: Map<string, string>): Promise<void> {
  for await (const { member, data } of readMembers(Readable.from([archive], { objectMode: true }))) {
    const path = member.name.replace(/^\.\/?/, '');
    if (isIncrement && member.names !== undefined) keepOnly(path, member.names, tree);
    if (path === '' || NOT_CONTENT.test(path)) continue;
    if (member.kind === 'symlink') tree.set(path, `link ${member.target}`);
    else if (member.kind === 'directory') tree.set(path, `folder ${member.mode.toString(8)}`);
    else tree.set(path, fileLine(member.mode, data));
  }
}

/** A folder of an increment says what it holds; whatever else was in it is gone. */
function keepOnly(folder: string, names: readonly string[], tree: Map<string, string>): void {
  const before = folder === '' ? '' : `${folder}/`;
  const kept = new Set(names);
  for (const [path, line] of [...tree]) {
    if (!path.startsWith(before) || path === folder) continue;
    const [name = ''] = path.slice(before.length).split('/');
    const top = tree.get(`${before}${name}`) ?? line;
    if (!kept.has(`${top.startsWith('folder') ? 'D' : 'Y'}${name}`)) tree.delete(path);
  }
}

/** In words for a person who has to find out what differs; undefined when nothing does. */
export function difference(found: Tree, expected: Tree): string | undefined {
  for (const path of new Set([...expected.keys(), ...found.keys()])) {
    const [is, should] = [found.get(path), expected.get(path)];
    if (is !== should) return `${path} is ${shown(is)} and should be ${shown(should)}`;
  }
  return undefined;
}

/** As `difference`, where each path may be as in any one of several states. */
export function differenceToAny(
  found: Tree,
  states: readonly Tree[],
  excused: ReadonlySet<string>,
): string | undefined {
  const paths = new Set([...found.keys(), ...states.flatMap((state) => [...state.keys()])]);
  for (const path of paths) {
    const is = found.get(path);
    if (excused.has(path) || states.some((state) => state.get(path) === is)) continue;
    return `${path} is ${shown(is)}, which it never was between request and answer`;
  }
  return undefined;
}

function collect(folder: FolderInode, before: string, moment: Moment, tree: Map<string, string>): void {
  for (const [name, inode] of namesOf(folder, moment)) {
    const path = `${before}${name}`;
    if (inode.kind === 'directory') collect(inode, `${path}/`, moment, tree);
    if (NOT_CONTENT.test(path)) continue;
    if (inode.kind === 'symlink') tree.set(path, `link ${inode.target}`);
    else if (inode.kind === 'directory') tree.set(path, `folder ${inode.mode.toString(8)}`);
    else tree.set(path, fileLine(inode.mode, (moment === 'now' ? inode.content : inode.synced).bytes()));
  }
}

function fileLine(mode: number, data: Buffer): string {
  return `file ${mode.toString(8)} ${data.toString('latin1')}`;
}

function namesOf(folder: FolderInode, moment: Moment): ReadonlyMap<string, Inode> {
  return moment === 'now' ? folder.entries : folder.synced;
}

function shown(line: string | undefined): string {
  if (line === undefined) return 'not there';
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 80)}…` : line);
}
