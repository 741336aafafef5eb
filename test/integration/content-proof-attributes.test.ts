import { execFileSync } from 'node:child_process';
import { link, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ArchivePlace } from '../../src/content/archive-objects.js';
import { BackupRepository } from '../../src/content/backups.js';
import type { ProcessCommand } from '../../src/gateways/processes.js';
import { setAttributes } from '../content/support/attributes.js';
import { chainSetting } from '../content/support/chain-setting.js';
import { contentFolder, ids, isRoot, noAbort, withoutZstd, withProcesses } from '../content/support/place.js';
import { tarFile } from '../content/support/tar-file.js';

const { owner, workspace } = ids();
const note = { 'SCHILY.xattr.user.note': 'hello' };
/** Where an ordinary user's restore is confined, it knows no others: see docs/architecture/backups.md. */
const other = isRoot ? 4711 : (process.getuid?.() ?? 0);
const acl = {
  'SCHILY.acl.access': `user::rwx,user:${other}:r--,group::r-x,mask::r-x,other::r-x`,
  'SCHILY.acl.default': `user::rwx,user:${other}:rwx,group::r-x,mask::rwx,other::---`,
};
const capability = { 'SCHILY.xattr.security.capability': `\x01\0\0\x02\0\x04${'\0'.repeat(14)}` };

async function proving() {
  const setting = await chainSetting();
  const at = (name: string) => join(setting.content, name);
  let count = 0;
  /** Of the generation, in a place whose programs may do other things than they were told. */
  const prove = async (generation: number, change = (place: ArchivePlace) => place) => {
    count += 1;
    const scratch = await contentFolder(setting.place, join(setting.folder, `scratch-${count}`));
    const backups = new BackupRepository(change(setting.place), owner, workspace);
    const manifest = await backups.read(generation, noAbort());
    return { proof: await backups.prove(manifest, scratch, { signal: noAbort() }), scratch };
  };
  return { ...setting, at, prove };
}

test('a chain of everything with attributes is proven, whatever came and went', async () => {
  const { at, create, prove } = await proving();
  const long = `${'d'.repeat(200)}/${'n'.repeat(200)}`;
  await mkdir(at('folder/inner'), { recursive: true });
  await mkdir(at('d'.repeat(200)));
  for (const name of ['file', 'gone', 'plain later', 'new\nline "ü"', long, 'sparse', 'folder/inner/text']) {
    await writeFile(at(name), 'one');
    await setAttributes(at(name), note, 'one');
  }
  await truncate(at('sparse'), 5_000_000);
  await link(at('file'), at('folder/another name'));
  await link(at('file'), at('0'));
  await setAttributes(at('folder'), { ...note, ...acl });
  await writeFile(at('folder/inherits'), 'x');
  await writeFile(at('program'), '');
  if (isRoot) await setAttributes(at('program'), capability, 'binary');
  const first = await create();
  await rm(at('gone'));
  await rm(at('plain later'));
  await writeFile(at('plain later'), 'two');
  await rm(at('folder/inner'), { recursive: true });
  await setAttributes(at('file'), { 'SCHILY.xattr.user.note': 'changed' }, 'one');
  await setAttributes(at('folder'), { 'SCHILY.xattr.user.more': '1' });
  const second = await create();
  await mkdir(at('folder/inner'));
  await writeFile(at('folder/inner/text'), 'back, without');
  await setAttributes(at('folder/inner'), note);
  await rm(at('file'));
  const third = await create();
  expect(third.manifest.parts.length).toBe(3);
  for (const { manifest } of [first, second, third]) {
    const { generation } = manifest;
    expect((await prove(generation)).proof).toMatchObject({ kind: 'proven' });
    expect((await prove(generation, withoutZstd)).proof).toMatchObject({ kind: 'proven' });
  }
});

type Arguments = readonly string[];
const unpackingWith = (change: (args: Arguments) => Arguments) => (place: ArchivePlace) =>
  withProcesses(place, {
    start: (command) => {
      const { args } = command;
      return place.world.processes.start({
        ...command,
        args: args.includes('--extract') ? change(args) : args,
      });
    },
  });

/** ACLs are extended attributes, too. */
const withoutAttributes = (args: Arguments) => args.filter((one) => !one.startsWith('--xattrs'));
const withoutAcls = (args: Arguments) =>
  args.filter((one) => one !== '--acls').map((one) => one.replace('-include=*', '-include=user.*'));

test.each([
  ['extended attributes', withoutAttributes, '"./noted"'],
  ['ACLs', withoutAcls, '"./shared/"'],
])('a restore that loses %s is different', async (_what, change, name) => {
  const { at, create, prove } = await proving();
  await writeFile(at('noted'), 'one');
  await setAttributes(at('noted'), note, 'one');
  await mkdir(at('shared'));
  await setAttributes(at('shared'), acl);
  await create();
  await writeFile(at('later'), 'x');
  const { manifest } = await create();
  expect((await prove(manifest.generation)).proof).toMatchObject({ kind: 'proven' });
  const { proof } = await prove(manifest.generation, unpackingWith(change));
  expect(proof).toMatchObject({ kind: 'different', why: expect.stringContaining('1 of its entries') });
  expect(proof).toMatchObject({ why: expect.stringContaining(name) });
});

test('a restore with another value, or with an attribute too many, is different', async () => {
  const { at, create, prove } = await proving();
  await writeFile(at('noted'), 'one');
  await setAttributes(at('noted'), note, 'one');
  await writeFile(at('plain'), 'one');
  const { manifest } = await create();
  for (const [name, value] of [
    ['noted', 'hellO'],
    ['plain', 'hello'],
  ] as const) {
    const archive = tarFile([{ name, data: 'one', pax: { 'SCHILY.xattr.user.note': value } }]);
    // Just before it is compared.
    const meddling = (place: ArchivePlace) =>
      withProcesses(place, {
        start: (command) => {
          if (command.args.includes('--create')) meddle(command, archive);
          return place.world.processes.start(command);
        },
      });
    expect((await prove(manifest.generation, meddling)).proof).toMatchObject({
      kind: 'different',
      why: expect.stringContaining(`first "./${name}"`),
    });
  }
});

function meddle({ args }: ProcessCommand, archive: Buffer): void {
  const folder = args.find((argument) => argument.startsWith('--directory=')) ?? '';
  execFileSync('tar', ['-x', '--xattrs', '--xattrs-include=*', folder], { input: archive });
}
