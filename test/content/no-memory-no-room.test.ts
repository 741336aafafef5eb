import { describe, expect, it } from 'vitest';
import { saysNoMemory, saysNoRoom } from '../../src/content/program.js';
import { TarMessages } from '../../src/content/tar-messages.js';

describe('a program that could not have its memory, or its room', () => {
  it.each([
    'tar: memory exhausted',
    '/usr/bin/tar: memory exhausted',
    'tar: "./a": Cannot open: Cannot allocate memory',
    'zstd: error 11 : Allocation error : not enough memory ',
    '/*stdin*\\ : Decoding error (36) : Allocation error : not enough memory ',
    'fatal: Out of memory, malloc failed (tried to allocate 80000000 bytes)',
    'fatal: mmap failed, check sys.vm.max_map_count and/or RLIMIT_DATA: Cannot allocate memory',
    'error: unable to create thread: Cannot allocate memory',
  ])('is told by %j', (line) => {
    expect(saysNoMemory(line)).toBe(true);
  });

  it.each([
    'tar: "./tar: memory exhausted": Cannot open: File exists',
    'tar: "./x\\"tar: memory exhausted": Cannot hard link to "out of memory": No such file or directory',
    'tar: "./cut: Cannot allocate memory',
    'tar: Cannot allocate memory.txt: Not found in archive',
    "fatal: repository 'https://example.com/out of memory: Cannot allocate memory' not found",
    "error: pathspec 'x: Cannot allocate memory' did not match any file(s) known to git",
    '\tnotes: Cannot allocate memory',
    'remote: fatal: Out of memory, malloc failed',
    'not enough memory',
  ])('is not %j, which others have named', (line) => {
    expect(saysNoMemory(line)).toBe(false);
  });

  it.each([
    'tar: "./a": Cannot write: No space left on device',
    'zstd: error 70 : Write error : cannot write block : No space left on device ',
    "error: unable to write file it's: Disk quota exceeded",
    'fatal: write error: No space left on device',
    "dd: error writing '/a/b': No space left on device",
    "cp: error copying 'x' to 'y': No space left on device",
  ])('has a disk that is full: %j', (line) => {
    expect(saysNoRoom(line)).toBe(true);
  });

  it.each([
    'tar: "./x: No space left on device": Cannot open: File exists',
    "cp: cannot stat 'a: No space left on device': No such file or directory",
    '\tnotes: No space left on device',
    'remote: fatal: write error: No space left on device',
    'tar: No space left on device.txt: Not found in archive',
  ])('has no full disk because of %j', (line) => {
    expect(saysNoRoom(line)).toBe(false);
  });

  it('is heard among what tar says, and is not made of two of its lines', () => {
    const said = new TarMessages();
    said.take('tar: "a; tar: memory exhausted; b": Cannot open: File exists');
    said.take('tar: "c": Cannot open: File exists');
    expect(said.complaint()).toContain('; tar: memory exhausted; ');
    expect(said.lacksMemory).toBe(false);
    said.take('tar: memory exhausted');
    expect(said.lacksMemory).toBe(true);
    expect(said.lacksRoom).toBe(false);
    said.take('tar: "d": Cannot mkdir: Disk quota exceeded');
    expect(said.lacksRoom).toBe(true);
  });
});
