import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RealFiles } from '../../src/gateways/real/files.js';

const isRoot = process.getuid?.() === 0;

describe('removing a tree in which something is mounted', () => {
  const files = new RealFiles();
  const mounted: string[] = [];
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'steward-mounts-'));
    mkdirSync(join(root, 'elsewhere'));
    writeFileSync(join(root, 'elsewhere', 'precious'), '1');
    mkdirSync(join(root, 'tree', 'a', 'in side'), { recursive: true });
    writeFileSync(join(root, 'tree', 'first'), '1');
  });
  afterEach(() => {
    for (const place of mounted.splice(0)) execFileSync('umount', [place]);
    rmSync(root, { recursive: true, force: true });
  });

  function mount(place: string, ...args: string[]): void {
    execFileSync('mount', [...args, place]);
    mounted.push(place);
  }

  it('is refused by the name of the mount, whoever asks', async () => {
    await expect(files.remove('/proc')).rejects.toMatchObject({ code: 'EBUSY', path: '/proc' });
  });

  it.runIf(isRoot)('is not begun when a folder of the same file system is bound into it', async () => {
    const place = join(root, 'tree', 'a', 'in side');
    mount(place, '--bind', join(root, 'elsewhere'));
    const refusal = files.remove(join(root, 'tree'));
    await expect(refusal).rejects.toMatchObject({ code: 'EBUSY', message: expect.stringContaining(place) });
    expect(readdirSync(join(root, 'elsewhere'))).toEqual(['precious']);
    expect(existsSync(join(root, 'tree', 'first'))).toBe(true);
    execFileSync('umount', [mounted.pop() ?? '']);
    await files.remove(join(root, 'tree'));
    expect(readdirSync(root)).toEqual(['elsewhere']);
  });

  it.runIf(isRoot)('is not begun when the tree itself is a file system', async () => {
    const place = join(root, 'tree');
    mount(place, '-t', 'tmpfs', 'none');
    writeFileSync(join(place, 'inside'), '1');
    await expect(files.remove(place)).rejects.toMatchObject({ code: 'EBUSY', path: place });
    expect(existsSync(join(place, 'inside'))).toBe(true);
    await files.remove(join(place, 'inside'));
    expect(readdirSync(place)).toEqual([]);
  });

  it.runIf(isRoot)('keeps the tree in its place as well', async () => {
    const place = join(root, 'tree', 'a', 'in side');
    mount(place, '--bind', join(root, 'elsewhere'));
    const refusal = files.moveAway(join(root, 'tree'), join(root, 'away'));
    await expect(refusal).rejects.toMatchObject({ code: 'EBUSY', message: expect.stringContaining(place) });
    expect(readdirSync(root)).toEqual(['elsewhere', 'tree']);
    execFileSync('umount', [mounted.pop() ?? '']);
    await files.moveAway(join(root, 'tree'), join(root, 'away'));
    expect(readdirSync(root)).toEqual(['away', 'elsewhere']);
  });
});
