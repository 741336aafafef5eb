import { execFileSync, spawnSync } from 'node:child_process';
import { lchown, lstat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isRoot } from './place.js';
import { tarFile } from './tar-file.js';

const BLOCK = 512;
const KEPT = /^SCHILY\.(xattr|acl)\./;

/** Extended attributes and ACLs of everything below a folder that has any, as tar reads them, in hexadecimal. */
export function attributesOf(root: string): Record<string, Record<string, string>> {
  const bytes = execFileSync(
    'tar',
    ['--create', '--format=pax', '--xattrs', '--xattrs-include=*', '--acls', '--sort=name', '-C', root, '.'],
    { maxBuffer: 256 * 1024 * 1024 },
  );
  const found: Record<string, Record<string, string>> = {};
  let records: Record<string, Buffer> = {};
  for (let at = 0; at + BLOCK <= bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    const body = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (bytes.toString('latin1', at + 156, at + 157) === 'x') {
      records = recordsOf(body);
    } else {
      const name = records['path']?.toString('latin1') ?? textAt(bytes, at, 100);
      const kept = Object.entries(records).filter(([key]) => KEPT.test(key) && !key.endsWith('selinux'));
      if (kept.length > 0) {
        found[name] = Object.fromEntries(kept.map(([key, value]) => [key, value.toString('hex')]));
      }
      records = {};
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return found;
}

/** Gives a folder, or a file that gets this text, attributes by their names in pax headers; owner and time stay. */
export async function setAttributes(
  path: string,
  pax: Readonly<Record<string, string>>,
  data?: string,
): Promise<void> {
  const before = await lstat(path);
  const archive = tarFile([
    {
      name: basename(path),
      ...(data === undefined ? { type: '5', mode: 0o755 } : { data }),
      pax,
    },
  ]);
  execFileSync('tar', ['-x', '-p', '--xattrs', '--xattrs-include=*', '--acls', '-C', dirname(path)], {
    input: archive,
  });
  if (isRoot && !pax['SCHILY.xattr.security.capability']) await lchown(path, before.uid, before.gid);
  await utimes(path, before.atime, before.mtime);
}

/** Taking an attribute away in place needs a program for it. */
export const canRemoveAttributes = spawnSync('python3', ['-c', 'import os; os.removexattr']).status === 0;

export function removeAttribute(root: string, path: string, attribute: string): void {
  execFileSync('python3', [
    '-c',
    'import os,sys; os.removexattr(sys.argv[1], sys.argv[2])',
    join(root, path),
    attribute,
  ]);
}

function recordsOf(body: Buffer): Record<string, Buffer> {
  const records: Record<string, Buffer> = {};
  for (let at = 0; at < body.length; ) {
    const blank = body.indexOf(' ', at);
    const end = at + Number(body.toString('latin1', at, blank));
    const equals = body.indexOf('=', blank);
    records[body.toString('latin1', blank + 1, equals)] = body.subarray(equals + 1, end - 1);
    at = end;
  }
  return records;
}

function textAt(bytes: Buffer, from: number, length: number): string {
  const text = bytes.toString('latin1', from, from + length);
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}
