import { expect, test } from 'vitest';
import { ArchivedAttributes } from '../../src/content/attribute-proof.js';
import { type TarHeader, TarHeaders } from '../../src/content/tar-headers.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { noAbort } from './support/place.js';
import { tarFile } from './support/tar-file.js';

const note = (value: string) => ({ 'SCHILY.xattr.user.note': value });

function headersIn(bytes: Buffer, step: number): TarHeader[] {
  const found: TarHeader[] = [];
  const headers = new TarHeaders((header) => found.push(header));
  for (let from = 0; from < bytes.length; from += step) headers.take(bytes.subarray(from, from + step));
  return found;
}

test.each([1, 7, 512, 1_000_000])('headers are read in pieces of %i bytes', (step) => {
  const bytes = tarFile([
    { name: 'folder/', type: '5', pax: { 'GNU.dumpdir': 'Yname\n=5 x'.repeat(1000), mtime: '1.5' } },
    { name: 'short', data: 'x'.repeat(513), pax: { ...note('a = b\n'), path: 'path of 5=5' } },
    { name: 'empty' },
    { name: 'GNUSparseFile.0/s', data: 'y', pax: { 'GNU.sparse.name': 'sparse', 'SCHILY.acl.access': 'u' } },
    { name: 'other', type: '1', link: 'short', sizeBytes: 513 },
    { name: 'large', data: 'z'.repeat(600), sizeBytes: 0, pax: { size: '600' } },
    { name: 'last', data: 'no header: ustar' },
  ]);
  expect(headersIn(bytes, step)).toEqual([
    { name: 'folder/', attributes: '' },
    { name: 'path of 5=5', attributes: 'SCHILY.xattr.user.note=6:a = b\n' },
    { name: 'empty', attributes: '' },
    { name: 'sparse', attributes: 'SCHILY.acl.access=1:u' },
    { name: 'other', attributes: '', linkTo: 'short' },
    { name: 'large', attributes: '' },
    { name: 'last', attributes: '' },
  ]);
});

test('labels that each machine gives as it likes do not count', () => {
  const pax = { 'SCHILY.xattr.security.selinux': 'system_u', 'SCHILY.xattr.trusted.overlay.opaque': 'y' };
  expect(headersIn(tarFile([{ name: 'a', pax }]), 512)).toEqual([{ name: 'a', attributes: '' }]);
});

test.each([
  ['another thing in place of a header', Buffer.alloc(512, 'x')],
  ['a header without a size', Buffer.from(tarFile([{ name: 'a' }]).fill('x', 124, 136))],
  [
    'a record that is longer than all of them',
    Buffer.from(tarFile([{ name: 'a', pax: note('1') }]).fill('9', 512, 514)),
  ],
  ['a record without a length', Buffer.from(tarFile([{ name: 'a', pax: note('1') }]).fill('-', 512, 514))],
])('%s is damage', (_what, bytes) => {
  expect(() => headersIn(bytes, 512)).toThrow(expect.objectContaining({ code: 'archive-damaged' }));
});

test('more entries with attributes than are kept in mind are not compared, and that is said', async () => {
  const { world } = { world: SimulatedWorld.fromSeed(1) };
  const attributes = new ArchivedAttributes(1);
  attributes.nextArchive()(tarFile([{ name: 'a', pax: note('1') }]));
  attributes.nextArchive()(tarFile([{ name: 'a' }, { name: 'b', pax: note('1') }]));
  attributes.nextArchive()(tarFile([{ name: 'c', pax: note('1') }]));
  expect(await attributes.compare(world, '/', noAbort())).toEqual({ kind: 'too-many' });
});
