import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import type { Files } from '../../src/gateways/files.js';

/** What both twins of the file system must do alike; `make` gives files and an empty folder in them. */
export function conformsToFiles(kind: string, make: () => Promise<{ files: Files; root: string }>): void {
  const failsWith = (code: string) => expect.objectContaining({ code });

  describe(`${kind} as files`, () => {
    it('reads what was written, replaced and appended', async () => {
      const { files, root } = await make();
      const path = join(root, 'file');
      await files.write(path, 'one');
      await files.write(path, 'two', { sync: true });
      await files.append(path, Buffer.from(' three'));
      expect((await files.read(path, 100)).toString()).toBe('two three');
    });

    it('makes a file exclusively, and only once', async () => {
      const { files, root } = await make();
      await files.write(join(root, 'file'), 'x', { exclusive: true });
      await expect(files.write(join(root, 'file'), 'y', { exclusive: true })).rejects.toEqual(
        failsWith('EEXIST'),
      );
      await files.symlink('nowhere', join(root, 'link'));
      await expect(files.write(join(root, 'link'), 'y', { exclusive: true })).rejects.toEqual(
        failsWith('EEXIST'),
      );
    });

    it('writes beneath a folder, making what is missing, and through no link', async () => {
      const { files, root } = await make();
      const options = { mode: 0o640, folderMode: 0o750, temporary: 'file.tmp' };
      await files.makeDirectory(join(root, 'inside/left/file.tmp'));
      await files.writeBeneath(join(root, 'inside'), 'new/file', 'one', options);
      await files.writeBeneath(join(root, 'inside'), 'new/file', 'two', options);
      await files.writeBeneath(join(root, 'inside'), 'left/file', 'three', options);
      expect((await files.read(join(root, 'inside/new/file'), 100)).toString()).toBe('two');
      expect((await files.stat(join(root, 'inside/new/file')))?.mode).toBe(0o640);
      expect((await files.stat(join(root, 'inside/new')))?.mode).toBe(0o750);
      expect(await files.list(join(root, 'inside/left'))).toEqual([{ name: 'file', kind: 'file' }]);
      await files.makeDirectory(join(root, 'outside'));
      await files.symlink('../outside', join(root, 'inside/link'));
      await expect(files.writeBeneath(join(root, 'inside'), 'link/file', 'x', options)).rejects.toEqual(
        failsWith('ENOTDIR'),
      );
      await files.symlink('../../outside/file', join(root, 'inside/new/linked'));
      await files.writeBeneath(join(root, 'inside'), 'new/linked', 'four', options);
      expect((await files.stat(join(root, 'inside/new/linked')))?.kind).toBe('file');
      expect(await files.list(join(root, 'outside'))).toEqual([]);
    });

    it('writes beneath no folder that is not there (any more), and brings none back', async () => {
      const { files, root } = await make();
      const options = { mode: 0o640, folderMode: 0o750, temporary: 'file.tmp' };
      const writing = files.writeBeneath(join(root, 'gone'), 'new/file', 'one', options);
      await expect(writing).rejects.toEqual(failsWith('ENOENT'));
      expect(await files.list(root)).toEqual([]);
    });

    it('refuses to read more than the limit, exactly', async () => {
      const { files, root } = await make();
      await files.write(join(root, 'file'), '12345');
      expect((await files.read(join(root, 'file'), 5)).length).toBe(5);
      await expect(files.read(join(root, 'file'), 4)).rejects.toEqual(failsWith('EFBIG'));
    });

    it('fails with the codes of Linux', async () => {
      const { files, root } = await make();
      await files.write(join(root, 'file'), 'x');
      await files.makeDirectory(join(root, 'folder', 'inner'));
      const at = (name: string) => join(root, name);
      await expect(files.read(at('none'), 9)).rejects.toEqual(failsWith('ENOENT'));
      await expect(files.read(at('folder'), 9)).rejects.toEqual(failsWith('EISDIR'));
      await expect(files.read(at('file/x'), 9)).rejects.toEqual(failsWith('ENOTDIR'));
      await expect(files.write(at('none/x'), 'x')).rejects.toEqual(failsWith('ENOENT'));
      await expect(files.write(at('folder'), 'x')).rejects.toEqual(failsWith('EISDIR'));
      await expect(files.list(at('none'))).rejects.toEqual(failsWith('ENOENT'));
      await expect(files.list(at('file'))).rejects.toEqual(failsWith('ENOTDIR'));
      await expect(files.rename(at('none'), at('x'))).rejects.toEqual(failsWith('ENOENT'));
      await expect(files.rename(at('file'), at('folder'))).rejects.toEqual(failsWith('EISDIR'));
      await expect(files.rename(at('folder/inner'), at('file'))).rejects.toEqual(failsWith('ENOTDIR'));
      await expect(files.rename(at('folder'), at('folder/inner/x'))).rejects.toEqual(failsWith('EINVAL'));
      await expect(files.link(at('file'), at('folder'))).rejects.toEqual(failsWith('EEXIST'));
      await expect(files.link(at('none'), at('x'))).rejects.toEqual(failsWith('ENOENT'));
      await expect(files.symlink('x', at('file'))).rejects.toEqual(failsWith('EEXIST'));
      await expect(files.readlink(at('file'))).rejects.toEqual(failsWith('EINVAL'));
      await expect(files.makeDirectory(at('file'))).rejects.toEqual(failsWith('EEXIST'));
      await expect(files.makeDirectory(at('file/x'))).rejects.toEqual(failsWith('ENOTDIR'));
      await expect(files.chmod(at('none'), 0o600)).rejects.toEqual(failsWith('ENOENT'));
      await expect(files.syncDirectory(at('none'))).rejects.toEqual(failsWith('ENOENT'));
      expect(await files.stat(at('none'))).toBeUndefined();
      expect(await files.stat(at('file/x'))).toBeUndefined();
    });

    it('finds no end in links that lead in a circle', async () => {
      const { files, root } = await make();
      await files.symlink('b', join(root, 'a'));
      await files.symlink('a', join(root, 'b'));
      await expect(files.read(join(root, 'a'), 9)).rejects.toEqual(failsWith('ELOOP'));
      await expect(files.list(join(root, 'a', 'x'))).rejects.toEqual(failsWith('ELOOP'));
      await files.remove(join(root, 'a'));
      expect((await files.list(root)).map(({ name }) => name)).toEqual(['b']);
    });

    it('lists and describes entries without following links', async () => {
      const { files, root } = await make();
      await files.makeDirectory(join(root, 'folder'), 0o750);
      await files.write(join(root, 'file'), '12345', { mode: 0o640 });
      await files.link(join(root, 'file'), join(root, 'other'));
      await files.symlink('file', join(root, 'link'));
      const entries = [...(await files.list(root))].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(entries).toEqual([
        { name: 'file', kind: 'file' },
        { name: 'folder', kind: 'directory' },
        { name: 'link', kind: 'symlink' },
        { name: 'other', kind: 'file' },
      ]);
      const [file, other] = [await files.stat(join(root, 'file')), await files.stat(join(root, 'other'))];
      expect(file).toMatchObject({ kind: 'file', sizeBytes: 5, mode: 0o640, links: 2 });
      expect(other?.inode).toBe(file?.inode);
      expect(await files.stat(join(root, 'folder'))).toMatchObject({ kind: 'directory', mode: 0o750 });
      expect((await files.stat(join(root, 'link')))?.kind).toBe('symlink');
      expect(await files.readlink(join(root, 'link'))).toBe('file');
    });

    it('reaches files through links to folders, up and down', async () => {
      const { files, root } = await make();
      await files.makeDirectory(join(root, 'a', 'b'));
      await files.write(join(root, 'a', 'file'), 'x');
      await files.symlink('a/b', join(root, 'link'));
      expect(String(await files.read(`${root}/link/../file`, 9))).toBe('x');
      await files.symlink(join(root, 'a'), join(root, 'a', 'b', 'back'));
      expect(String(await files.read(`${root}/link/back/file`, 9))).toBe('x');
    });

    it('renames over a file and over an empty folder, and leaves a full one', async () => {
      const { files, root } = await make();
      await files.write(join(root, 'new'), 'new');
      await files.write(join(root, 'old'), 'old');
      await files.rename(join(root, 'new'), join(root, 'old'));
      expect(String(await files.read(join(root, 'old'), 9))).toBe('new');
      await files.makeDirectory(join(root, 'empty'));
      await files.makeDirectory(join(root, 'full', 'x'));
      await files.rename(join(root, 'full'), join(root, 'empty'));
      expect(await files.list(join(root, 'empty'))).toEqual([{ name: 'x', kind: 'directory' }]);
      await files.makeDirectory(join(root, 'another'));
      await expect(files.rename(join(root, 'another'), join(root, 'empty'))).rejects.toEqual(
        failsWith('ENOTEMPTY'),
      );
    });

    it('removes files, links and trees, and is content when nothing is there', async () => {
      const { files, root } = await make();
      await files.makeDirectory(join(root, 'kept'));
      await files.write(join(root, 'kept', 'file'), 'x');
      await files.makeDirectory(join(root, 'tree', 'a'));
      await files.symlink('../../kept', join(root, 'tree', 'a', 'link'));
      for (const name of ['tree', 'none', 'kept/none', 'none/none']) await files.remove(join(root, name));
      expect(await files.list(root)).toEqual([{ name: 'kept', kind: 'directory' }]);
      expect(await files.list(join(root, 'kept'))).toEqual([{ name: 'file', kind: 'file' }]);
    });

    it('moves files, links and trees away, and is content when nothing is there', async () => {
      const { files, root } = await make();
      await files.makeDirectory(join(root, 'away'));
      await files.makeDirectory(join(root, 'tree', 'a'));
      await files.symlink('tree', join(root, 'link'));
      for (const name of ['link', 'tree', 'none']) {
        await files.moveAway(join(root, name), join(root, 'away', name));
      }
      expect(await files.list(root)).toEqual([{ name: 'away', kind: 'directory' }]);
      const names = (await files.list(join(root, 'away'))).map(({ name }) => name);
      expect(names.toSorted()).toEqual(['link', 'tree']);
      await files.remove(join(root, 'away'));
      expect(await files.list(root)).toEqual([]);
    });

    it('streams into a new file and out of it, whole and in parts', async () => {
      const { files, root } = await make();
      const path = join(root, 'file');
      const bytes = Buffer.alloc(1_000_000, 'steward');
      const pieces = [bytes.subarray(0, 10), bytes.subarray(10, 500_000), bytes.subarray(500_000)];
      await pipeline(Readable.from(pieces), files.openWrite(path, { mode: 0o600 }));
      expect((await files.stat(path))?.mode).toBe(0o600);
      expect((await buffer(files.openRead(path))).equals(bytes)).toBe(true);
      expect(await buffer(files.openRead(path, { start: 3, end: 9 }))).toEqual(bytes.subarray(3, 10));
      expect(await buffer(files.openRead(path, { start: 999_990 }))).toEqual(bytes.subarray(999_990));
      const again = pipeline(Readable.from(['x']), files.openWrite(path));
      await expect(again).rejects.toEqual(failsWith('EEXIST'));
      await expect(buffer(files.openRead(join(root, 'none')))).rejects.toEqual(failsWith('ENOENT'));
    });

    it('goes over the part of a file that is there', async () => {
      const { files, root } = await make();
      const path = join(root, 'file');
      const bytes = Buffer.alloc(1_000_000, 'steward');
      await files.write(path, bytes);
      const scanned = async (start: number, end: number) => {
        const pieces: Buffer[] = [];
        await files.scan(path, { start, end }, (piece) => pieces.push(Buffer.from(piece)));
        return Buffer.concat(pieces);
      };
      expect((await scanned(0, 999_999)).equals(bytes)).toBe(true);
      expect(await scanned(3, 9)).toEqual(bytes.subarray(3, 10));
      expect(await scanned(999_990, 2_000_000)).toEqual(bytes.subarray(999_990));
      expect(await scanned(1_000_000, 2_000_000)).toEqual(Buffer.alloc(0));
      const none = files.scan(join(root, 'none'), { start: 0, end: 9 }, () => undefined);
      await expect(none).rejects.toEqual(failsWith('ENOENT'));
    });

    it('keeps an existing folder as it is', async () => {
      const { files, root } = await make();
      await files.makeDirectory(join(root, 'folder'), 0o700);
      await files.makeDirectory(join(root, 'folder'), 0o755);
      expect((await files.stat(join(root, 'folder')))?.mode).toBe(0o700);
      await files.syncDirectory(join(root, 'folder'));
      await files.chmod(join(root, 'folder'), 0o711);
      expect((await files.stat(join(root, 'folder')))?.mode).toBe(0o711);
      expect((await files.space(root)).totalBytes).toBeGreaterThan(0);
    });
  });
}
