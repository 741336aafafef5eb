import { mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { instance, never, owner, Place } from './support.js';

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfTheTest one@test';
let place: Place;

beforeEach(async () => {
  place = await Place.make({ owner });
});

afterEach(() => place.clear());

function home(...path: string[]): string {
  return join(place.root, 'runs', 'run-1', 'home', ...path);
}

describe('the home of a run', () => {
  test('says who commits, however the name is written', async () => {
    const git = { name: 'Ann "The\\Tool" Öz # ;', email: 'ann@example.test' };
    await place.start('git config user.name; git config user.email', { git });
    await place.runtime.ended(instance, never);
    expect(await place.log()).toBe(`${git.name}\n${git.email}\n`);
  });

  test('says nothing when nobody is named', async () => {
    await place.start('git config user.name || echo nobody');
    await place.runtime.ended(instance, never);
    expect(await place.log()).toBe('nobody\n');
  });

  test('has the SSH keys of the start, as sshd wants them', async () => {
    await place.start('stat -c "%a %u" ~/.ssh ~/.ssh/authorized_keys', { sshKeys: [KEY, `${KEY}2`] });
    await place.runtime.ended(instance, never);
    const uid = owner?.uid ?? process.getuid?.();
    expect(await place.log()).toBe(`700 ${uid}\n600 ${uid}\n`);
    expect(await readFile(home('.ssh', 'authorized_keys'), 'utf8')).toBe(`${KEY}\n${KEY}2\n`);
  });

  test('gets other keys while the command runs, and none for one that does not', async () => {
    await place.start('exec sleep 1000', { sshKeys: [KEY] });
    await place.runtime.authorize(instance, [`${KEY}3`]);
    expect(await readFile(home('.ssh', 'authorized_keys'), 'utf8')).toBe(`${KEY}3\n`);
    await place.runtime.stop(instance, 0, never);
    await place.runtime.authorize(instance, [KEY]);
    expect(await readFile(home('.ssh', 'authorized_keys'), 'utf8')).toBe(`${KEY}3\n`);
  });

  test('that leads elsewhere is not followed', async () => {
    await place.start('exec sleep 1000');
    const elsewhere = join(place.root, 'elsewhere');
    await mkdir(join(elsewhere, '.ssh'), { recursive: true });
    await writeFile(join(elsewhere, '.ssh', 'authorized_keys'), 'untouched');
    await rename(home(), `${home()}.old`);
    await symlink(elsewhere, home());
    await expect(place.runtime.authorize(instance, [KEY])).rejects.toThrow();
    expect(await readFile(join(elsewhere, '.ssh', 'authorized_keys'), 'utf8')).toBe('untouched');
  });

  test('keeps what nobody else may read from others', async () => {
    await place.start('exec sleep 1000', { sshKeys: [KEY] });
    expect((await stat(home())).mode & 0o777).toBe(0o700);
    expect((await stat(join(place.root, 'logs'))).mode & 0o777).toBe(0o700);
  });
});
