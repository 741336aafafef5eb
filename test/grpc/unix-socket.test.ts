import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { realWorld } from '../../src/gateways/real/world.js';
import { prepareSocket } from '../../src/grpc/unix-socket.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const world = realWorld();
const refused = expect.objectContaining({ code: 'permission-denied' });

it('makes the folder of a socket, closed to others, and uses it again', async () => {
  const folder = join(await temporaryFolder(), 'steward-1000');
  await prepareSocket(join(folder, 'a.sock'), world);
  await prepareSocket(join(folder, 'a.sock'), world);
  expect((await world.files.stat(folder))?.mode).toBe(0o700);
});

it('refuses a folder in which others could put a socket of theirs', async () => {
  const folder = join(await temporaryFolder(), 'steward-1000');
  await mkdir(folder);
  await chmod(folder, 0o777);
  await expect(prepareSocket(join(folder, 'a.sock'), world)).rejects.toEqual(refused);
});

it.runIf(process.getuid?.() === 0)('refuses a folder that somebody else made first', async () => {
  const folder = join(await temporaryFolder(), 'steward-0');
  await mkdir(folder, { mode: 0o700 });
  await chown(folder, 33333, 33333);
  await expect(prepareSocket(join(folder, 'a.sock'), world)).rejects.toEqual(refused);
});
