import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Below the content's root; written by the daemon and never part of a backup. */
const OURS = new Set(['.gitpod']);

/** Everything a restore must bring back, one line per entry: path, kind, mode, owner, time, bytes. */
export async function fingerprint(folder: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const walk = async (below: string) => {
    const entries = await readdir(join(folder, below), { withFileTypes: true });
    for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
      if (below === '' && OURS.has(entry.name)) continue;
      const path = join(below, entry.name);
      lines.push(await describe(join(folder, path), path));
      if (entry.isDirectory()) await walk(path);
    }
  };
  await walk('');
  return lines;
}

export function difference(expected: readonly string[], found: readonly string[]): string {
  const [wanted, there] = [new Set(expected), new Set(found)];
  const missing = expected.filter((line) => !there.has(line)).slice(0, 5);
  const added = found.filter((line) => !wanted.has(line)).slice(0, 5);
  if (missing.length + added.length === 0) return '';
  return `missing:\n  ${missing.join('\n  ')}\nadded:\n  ${added.join('\n  ')}`;
}

async function describe(path: string, name: string): Promise<string> {
  const stat = await lstat(path, { bigint: true });
  const common = `${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid}`;
  if (stat.isSymbolicLink()) return `${common} -> ${await readlink(path)}`;
  if (!stat.isFile()) return `${common} ${stat.isDirectory() ? 'folder' : 'other'}`;
  return `${common} ${stat.mtimeNs} ${await digest(path)}`;
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
