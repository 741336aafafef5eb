import { describe, expect, it } from 'vitest';
import { downloadArgument } from '../../src/cli/arguments.js';
import { initializerOf } from '../../src/cli/initializer-options.js';
import { versionArgument } from '../../src/cli/named-version.js';
import { steward } from './support/memory-cli.js';

describe('the name of a version', () => {
  it.each([
    ['hello', { name: 'hello', generation: undefined }],
    ['hello@12', { name: 'hello', generation: 12n }],
    ['hello@newest', { name: 'hello', generation: undefined }],
  ])('%s is understood', (text, named) => {
    expect(versionArgument(text)).toEqual(named);
  });

  it.each(['', '@3', 'hello@', 'hello@0', 'hello@-1', 'hello@3@4', 'hello@x', 'a/b@3'])(
    '%j is refused',
    (text) => {
      expect(() => versionArgument(text)).toThrow();
    },
  );
});

describe('a download', () => {
  it.each([
    ['https://h/f?a=b=dir/f#sha512:0F', { url: 'https://h/f?a=b', filePath: 'dir/f', digest: 'sha512:0F' }],
    ['https://h/f=f#sha256:00ff', { url: 'https://h/f', filePath: 'f', digest: 'sha256:00ff' }],
  ])('%s is understood', (text, file) => {
    expect(downloadArgument(text)).toEqual([file]);
    expect(downloadArgument(text, [file])).toEqual([file, file]);
  });

  it.each([
    'https://h/f',
    '=f',
    'https://h/f=',
    'https://h/f=f',
    'https://h/f=f#nothing',
    'https://h/f=f#md5:00',
  ])('%s is refused', (text) => {
    expect(() => downloadArgument(text)).toThrow();
  });
});

describe('the source of content', () => {
  it('is a prebuild, with the repository it is of', () => {
    const { spec } = initializerOf({ prebuild: 'a/b@c', git: 'git://h/x.git', branch: 'main' });
    expect(spec).toMatchObject({
      $case: 'prebuild',
      value: { prebuild: { snapshot: 'a/b@c' }, git: [{ remoteUri: 'git://h/x.git', cloneTaget: 'main' }] },
    });
  });

  it('is one of many, and never two', () => {
    const file = { url: 'https://h/f', filePath: 'f', digest: '' };
    expect(initializerOf({ download: [file] }).spec).toMatchObject({ value: { files: [file] } });
    expect(initializerOf({ snapshot: 'a@b' })).toEqual(initializerOf({ fromSnapshot: 'a@b' }));
    const composed = { spec: { $case: 'empty' as const, value: {} } };
    expect(initializerOf({ composed })).toEqual(composed);
    expect(() => initializerOf({ composed, download: [file] })).toThrow('--download and --initializer');
  });
});

describe('a command line about stored content', () => {
  it.each([
    [['restore', 'hello@3']],
    [['restore', 'hello@3', '--into', 'i', '--as-newest']],
    [['restore', 'hello@3', 'a/path', '--as-newest']],
    [['restore', 'hello@3', '--as-newest', '--to', 'x']],
    [['restore', 'hello@x', '--as-newest']],
    [['verify', 'hello@3', '--all']],
    [['delete', 'backup', 'hello']],
    [['delete', 'backup', 'hello@3', '--yes', '--dry-run']],
    [['delete', 'workspace', 'hello', '--yes', '--owner', 'ada']],
    [['delete', 'owner', 'a/b']],
    [['recover', 'i', '--retry']],
    [['recover', 'i', '--reason', 'x']],
    [['recover', 'i', '--reason', 'x', '--retry', '--park']],
    [['recover', 'i', '--reason', 'x', '--abandon']],
    [['start', '--initializer', '/nonexistent/file.json']],
  ])('%j exits with 2 before anybody is asked', async (args) => {
    expect((await steward([...args, '--state', '/nonexistent'])).code).toBe(2);
  });

  it('says what each verb is for', async () => {
    const { stdout } = await steward(['--help']);
    for (const verb of ['backups', 'snapshots', 'verify', 'restore', 'delete', 'drills', 'recover']) {
      expect(stdout).toMatch(new RegExp(`^ +${verb} `, 'm'));
    }
  });
});
