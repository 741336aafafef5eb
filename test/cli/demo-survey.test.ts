import { chmod, link, mkdir, mkdtemp, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { differences, survey } from '../../scripts/demo/survey.js';

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-survey-'));
  await mkdir(at('work'));
  await mkdir(at('.gitpod'));
  await writeFile(at('work/a'), 'one');
  await writeFile(at('work/b'), 'two');
  await link(at('work/a'), at('work/c'));
  await symlink('a', at('work/link'));
  await utimes(at('work'), 1_000, 1_000);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function found(change: () => Promise<unknown>): Promise<string> {
  const before = await survey(folder);
  await change();
  return differences(before, await survey(folder)).join('\n');
}

describe('what the demo compares', () => {
  it('finds nothing where nothing has changed, and overlooks the marker that every start writes', async () => {
    expect(await found(() => writeFile(at('.gitpod/ready'), '{}'))).toBe('');
  });

  it.each([
    ['content', () => writeFile(at('work/b'), 'owt'), '"work/b": sha256'],
    ['size', () => writeFile(at('work/b'), 'longer'), '"work/b": size'],
    ['mode', () => chmod(at('work/b'), 0o601), '"work/b": mode'],
    ['a set-id bit', () => chmod(at('work/b'), 0o4644), '"work/b": mode'],
    ['times below a second', () => utimes(at('work/b'), 5, 5.25), '"work/b": time'],
    ['the time of a folder', () => utimes(at('work'), 1_000, 1_001), '"work": time'],
    ['a missing file', () => unlink(at('work/b')), '"work/b" is missing'],
    ['a file too many', () => writeFile(at('work/d'), ''), '"work/d" was not there before'],
    ['a link that leads elsewhere', () => relink(), '"work/link": target'],
    ['a hard link that became a copy', () => copy(), '"work/c": same file as'],
  ])('finds %s', async (_name, change, expected) => {
    expect(await found(change)).toContain(expected);
  });
});

async function relink(): Promise<void> {
  await unlink(at('work/link'));
  await symlink('b', at('work/link'));
}

async function copy(): Promise<void> {
  await unlink(at('work/c'));
  await writeFile(at('work/c'), 'one');
}
