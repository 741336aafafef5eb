import {
  chmod,
  link,
  lstat,
  mkdir,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fc } from '@fast-check/vitest';

/** Few names, so that one thing takes another's place often. */
const name = fc.constantFrom('a', 'b', 'c d', 'ü\n"');
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
const DIRECTORY_MODES = [0o755, 0o700, 0o1777, 0o2755];
const FILE_MODES = [0o644, 0o600, 0o4755, 0o444];

export const edits = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), path, size: fc.nat(9000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('folder' as const), path }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), path }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('move' as const), path, to: path }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('link' as const), path, to: path }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('symlink' as const), path, to: path }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), path, size: fc.nat(9000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mode' as const), path, which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('time' as const), path, seconds: fc.nat(2 ** 31) }) },
);

export type Edit = typeof edits extends fc.Arbitrary<infer Value> ? Value : never;

/** Does it as far as it can be done; an edit that makes no sense where things stand changes nothing. */
export async function edit(root: string, one: Edit): Promise<void> {
  const at = join(root, one.path);
  switch (one.kind) {
    case 'write':
      if (await makeRoom(root, one.path)) await writeFile(at, Buffer.alloc(one.size, one.path));
      return;
    case 'folder':
      if (await makeRoom(root, one.path)) await mkdir(at);
      return;
    case 'remove':
      if (await isReachable(root, one.path)) await rm(at, { recursive: true, force: true });
      return;
    case 'move':
      if (!(await hasKind(root, one.path, () => true)) || isInside(one.to, one.path)) return;
      if (isInside(one.path, one.to) || !(await makeRoom(root, one.to))) return;
      await rename(at, join(root, one.to));
      return;
    case 'link':
      if (!(await hasKind(root, one.path, (stat) => stat.isFile())) || isInside(one.path, one.to)) return;
      if (await makeRoom(root, one.to)) await link(at, join(root, one.to));
      return;
    case 'symlink':
      if (await makeRoom(root, one.path)) await symlink(one.to, at);
      return;
    case 'truncate':
      if (await hasKind(root, one.path, (stat) => stat.isFile())) await truncate(at, one.size);
      return;
    case 'mode': {
      const isFolder = await hasKind(root, one.path, (stat) => stat.isDirectory());
      const isFile = await hasKind(root, one.path, (stat) => stat.isFile());
      if (isFolder || isFile) await chmod(at, (isFolder ? DIRECTORY_MODES : FILE_MODES)[one.which] ?? 0o755);
      return;
    }
    case 'time':
      if (await hasKind(root, one.path, (stat) => !stat.isSymbolicLink())) {
        await utimes(at, one.seconds, one.seconds + 0.25);
      }
  }
}

type Stat = Awaited<ReturnType<typeof lstat>>;

/** Removes what is in the way and makes the folders above; false when one of those is no folder. */
async function makeRoom(root: string, path: string): Promise<boolean> {
  const above = dirname(path);
  if (above !== '.' && !(await hasKind(root, above, (stat) => stat.isDirectory()))) {
    if ((await lstat(join(root, above)).catch(() => undefined)) !== undefined) return false;
    if (!(await makeRoom(root, above))) return false;
    await mkdir(join(root, above));
  }
  await rm(join(root, path), { recursive: true, force: true });
  return true;
}

/** Not through links: they may lead anywhere. */
async function isReachable(root: string, path: string): Promise<boolean> {
  const above = dirname(path);
  return above === '.' || hasKind(root, above, (stat) => stat.isDirectory());
}

async function hasKind(root: string, path: string, is: (stat: Stat) => boolean): Promise<boolean> {
  if (!(await isReachable(root, path))) return false;
  const stat = await lstat(join(root, path)).catch(() => undefined);
  return stat !== undefined && is(stat);
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
