import { readdir } from 'node:fs/promises';
import { beforeEach, expect, it, vi } from 'vitest';
import { RealFiles } from '../../src/gateways/real/files.js';

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<typeof import('node:fs/promises')>()),
  readdir: vi.fn(),
}));

const listing = vi.mocked(readdir);
const gone = (path: string) => Object.assign(new Error(`ENOENT, lstat '${path}'`), { code: 'ENOENT', path });
beforeEach(() => {
  listing.mockReset();
});

it('a process that ends while its kind is asked for does not fail the list of them all', async () => {
  listing.mockRejectedValueOnce(gone('/proc/4711')).mockResolvedValueOnce([]);
  await expect(new RealFiles().list('/proc')).resolves.toEqual([]);
});

it('a folder that is not there is told at once', async () => {
  listing.mockRejectedValue(gone('/nowhere'));
  await expect(new RealFiles().list('/nowhere')).rejects.toMatchObject({ code: 'ENOENT' });
  expect(listing).toHaveBeenCalledTimes(1);
});

it('and what never comes to an end is told in the end', async () => {
  listing.mockRejectedValue(gone('/proc/4711'));
  await expect(new RealFiles().list('/proc')).rejects.toMatchObject({ path: '/proc/4711' });
});
