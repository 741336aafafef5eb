import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { xattrsIn } from './xattrs.js';

/** Everything about one entry that a restore must bring back, as text to be compared. */
export type Facts = Readonly<Record<string, string>>;
/** By path below the folder; the bytes of names one to one (latin1), because not all names are UTF-8. */
export type Survey = ReadonlyMap<string, Facts>;

/** Written anew by every start; no part of a workspace's content. */
const MARKER = '.gitpod/ready';
const MARKER_FOLDER = '.gitpod';
/** The file that was made with holes, to show that it still has them. */
const SPARSE = 'work/sparse';

export async function survey(folder: string): Promise<Survey> {
  const found = new Map<string, Facts>();
  const links = new Map<bigint, string>();
  await visit(Buffer.from(folder), '', found, links);
  const xattrs = await xattrsIn(folder, 'work');
  for (const [path, attributes] of xattrs) {
    const facts = found.get(path);
    if (facts !== undefined) found.set(path, { ...facts, xattrs: attributes });
  }
  return found;
}

async function visit(
  path: Buffer,
  name: string,
  found: Map<string, Facts>,
  links: Map<bigint, string>,
): Promise<void> {
  if (name === MARKER) return;
  const stat = await lstat(path, { bigint: true });
  const facts: Facts = {
    kind: kindOf(stat),
    mode: (stat.mode & 0o7777n).toString(8),
    owner: `${stat.uid}:${stat.gid}`,
    ...(name === MARKER_FOLDER ? {} : { time: stat.mtimeNs.toString() }),
    ...(stat.isSymbolicLink()
      ? { target: (await readlink(path, { encoding: 'buffer' })).toString('latin1') }
      : {}),
    ...(stat.isFile() ? { size: stat.size.toString(), sha256: await digest(path) } : {}),
    ...(stat.isFile() && stat.nlink > 1n ? { 'same file as': firstName(links, stat.ino, name) } : {}),
    ...(name === SPARSE ? { 'has holes': String(stat.blocks * 512n < stat.size) } : {}),
  };
  found.set(name, facts);
  if (!stat.isDirectory()) return;
  const names = await readdir(path, { encoding: 'buffer' });
  names.sort(Buffer.compare);
  for (const below of names) {
    const inner = Buffer.concat([path, Buffer.from('/'), below]);
    await visit(
      inner,
      name === '' ? below.toString('latin1') : `${name}/${below.toString('latin1')}`,
      found,
      links,
    );
  }
}

function kindOf(stat: BigIntStats): string {
  if (stat.isDirectory()) return 'folder';
  if (stat.isSymbolicLink()) return 'link';
  return stat.isFile() ? 'file' : 'other';
}

function firstName(links: Map<bigint, string>, inode: bigint, name: string): string {
  const first = links.get(inode) ?? name;
  links.set(inode, first);
  return first;
}

async function digest(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** What differs, one line per fact, in words. */
export function differences(before: Survey, after: Survey): readonly string[] {
  const lines: string[] = [];
  for (const [path, facts] of before) {
    const now = after.get(path);
    if (now === undefined) {
      lines.push(`${JSON.stringify(path)} is missing`);
      continue;
    }
    for (const name of new Set([...Object.keys(facts), ...Object.keys(now)])) {
      if (facts[name] !== now[name])
        lines.push(`${JSON.stringify(path)}: ${name} was ${facts[name]}, is ${now[name]}`);
    }
  }
  for (const path of after.keys())
    if (!before.has(path)) lines.push(`${JSON.stringify(path)} was not there before`);
  return lines;
}
