import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RealFiles } from '../../src/gateways/real/files.js';

describe('RealFiles', () => {
  const files = new RealFiles();
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'steward-files-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it('removes a tree without following the links in it', async () => {
    mkdirSync(join(root, 'outside'));
    writeFileSync(join(root, 'outside', 'precious'), '1');
    mkdirSync(join(root, 'tree', 'a', 'b'), { recursive: true });
    symlinkSync('../../outside', join(root, 'tree', 'a', 'link'));
    await files.remove(join(root, 'tree'));
    expect(readdirSync(root)).toEqual(['outside']);
    expect(readdirSync(join(root, 'outside'))).toEqual(['precious']);
  });

  it('does not wait for anybody at a pipe that was put in the place of a file', async () => {
    spawnSync('mkfifo', [join(root, 'pipe')]);
    expect(await files.read(join(root, 'pipe'), 100)).toHaveLength(0);
  });

  it('removes a link itself, not what it points to', async () => {
    mkdirSync(join(root, 'target'));
    writeFileSync(join(root, 'target', 'kept'), '1');
    symlinkSync('target', join(root, 'link'));
    await files.remove(join(root, 'link'));
    expect(readdirSync(root)).toEqual(['target']);
    expect(existsSync(join(root, 'target', 'kept'))).toBe(true);
  });

  it('removes folders nobody may write, read or enter, and leaves the rights of the folder above alone', async () => {
    mkdirSync(join(root, 'above', 'tree', 'closed'), { recursive: true });
    writeFileSync(join(root, 'above', 'tree', 'closed', 'file'), '1');
    chmodSync(join(root, 'above', 'tree', 'closed'), 0o000);
    chmodSync(join(root, 'above', 'tree'), 0o555);
    chmodSync(join(root, 'above'), 0o750);
    await files.remove(join(root, 'above', 'tree'));
    expect(readdirSync(join(root, 'above'))).toEqual([]);
    expect(lstatSync(join(root, 'above')).mode & 0o777).toBe(0o750);
  });

  it('has ended everywhere when it fails, and reaches nothing afterwards', async ({ skip }) => {
    const stuck = join(root, 'tree', 'a-stuck');
    for (const name of ['b', 'c', 'd', 'e']) {
      mkdirSync(join(root, 'tree', name, 'below'), { recursive: true });
      for (let file = 0; file < 50; file += 1)
        writeFileSync(join(root, 'tree', name, 'below', `${file}`), '');
    }
    writeFileSync(stuck, '');
    skip(spawnSync('chattr', ['+i', stuck]).status !== 0, 'nothing can be made immutable here');
    try {
      await expect(files.remove(join(root, 'tree'))).rejects.toThrow(/EPERM/);
      expect(readdirSync(join(root, 'tree'))).toEqual(['a-stuck']);
    } finally {
      spawnSync('chattr', ['-i', stuck]);
    }
  });

  it('removes names that are no UTF-8', async () => {
    const made = spawnSync(
      'sh',
      ['-c', 'mkdir tree && cd tree && : > "$(printf "caf\\351")" && mkdir "$(printf "d\\377")"'],
      {
        cwd: root,
      },
    );
    expect(made.status).toBe(0);
    await files.remove(join(root, 'tree'));
    expect(readdirSync(root)).toEqual([]);
  });

  it('removes trees deeper than any path can say', async () => {
    const deep = `mkdir tree; cd tree; i=0; while [ $i -lt 400 ]; do mkdir ${'d'.repeat(50)} && cd ${'d'.repeat(50)} && : >f; i=$((i+1)); done`;
    spawnSync('sh', ['-c', deep], { cwd: root });
    await files.remove(join(root, 'tree'));
    expect(readdirSync(root)).toEqual([]);
  });

  it('gives modes exactly as asked, whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      await files.makeDirectory(join(root, 'shared'), 0o775);
      await files.write(join(root, 'file'), 'x', { mode: 0o664 });
    } finally {
      process.umask(umask);
    }
    expect((await files.stat(join(root, 'shared')))?.mode).toBe(0o775);
    expect((await files.stat(join(root, 'file')))?.mode).toBe(0o664);
  });

  it('reads files of /proc, which claim to be empty', async () => {
    expect((await files.read('/proc/self/stat', 10_000)).toString()).toContain(`${process.pid} (`);
  });

  it('tells how much room there is', async () => {
    const { freeBytes, totalBytes } = await files.space(root);
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
  });
});
