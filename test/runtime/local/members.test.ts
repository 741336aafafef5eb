import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCgroups } from '../../../src/runtime/local/cgroup.js';
import { id, instance, isAlive, never, owner, Place, world } from './support.js';

const hasCgroups = (await openCgroups(world, `steward-test-${process.pid}`)) !== undefined;

/** A machine with cgroups, where this is one, and the same without. */
describe.each(hasCgroups ? [true, false] : [false])('with cgroups: %s', (useCgroups) => {
  let place: Place;
  beforeEach(async () => {
    place = await Place.make({ owner, useCgroups });
  });
  afterEach(() => place.clear());

  test('a process that forked away ends with the command it came from', async () => {
    await place.start(
      'setsid sh -c "echo \\$\\$ >away; exec sleep 1000" & while [ ! -s away ]; do sleep 0.01; done',
    );
    const away = await place.soon('away');
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 0 });
    expect(isAlive(away)).toBe(false);
  });

  test('a process that forked away is asked to end by a stop, and may', async () => {
    const daemon = 'trap "echo bye >bye; exit" TERM; echo $$ >away; while :; do sleep 0.01; done';
    await place.start(`setsid sh -c '${daemon}' & trap 'while [ ! -s bye ]; do sleep 0.01; done; exit' TERM
      echo up >up; while :; do sleep 0.01; done`);
    await place.soon('up');
    await place.soon('away');
    await place.runtime.stop(instance, world.clock.now() + 60_000, never);
    expect(await place.soon('bye')).toBe('bye');
  });

  test('one that forked away and ignores SIGTERM is killed with the rest', async () => {
    await place.start(
      'setsid sh -c "trap \'\' TERM; echo \\$\\$ >away; while :; do sleep 1; done" & exec sleep 1000',
    );
    const away = await place.soon('away');
    await place.runtime.stop(instance, world.clock.now() + 20, never);
    expect(isAlive(away)).toBe(false);
  });

  test('is found by a runtime that was not there', async () => {
    await place.start('setsid sh -c "echo \\$\\$ >away; exec sleep 1000" & exec sleep 1000');
    const away = await place.soon('away');
    await place.another().stop(instance, 0, never);
    expect(isAlive(away)).toBe(false);
  });

  test('leaves the processes of other instances alone', async () => {
    await place.start('exec sleep 1000', { instance: id('run-2') });
    await place.start('exec sleep 1000');
    await place.runtime.stop(instance, 0, never);
    await expect(place.runtime.adopt(id('run-2'))).resolves.toEqual({ state: 'running' });
  });

  test.runIf(useCgroups)('leaves no group behind', async () => {
    await place.start('exec sleep 1000');
    const groups = JSON.parse(await readFile(join(place.root, 'logs', 'run-1', 'note'), 'utf8')).cgroups;
    const identity = await readFile(join(place.root, 'runs', 'run-1', 'identity'), 'utf8');
    const group = `${groups}${identity.trim().split(' ').at(-1)}`;
    expect(existsSync(group)).toBe(true);
    await place.runtime.stop(instance, 0, never);
    await expect.poll(() => existsSync(group)).toBe(false);
  });

  test.runIf(useCgroups)('one that gave up its environment too is found by its group', async () => {
    await place.start('env -i setsid sh -c "echo \\$\\$ >away; exec sleep 1000" & exec sleep 1000');
    const away = await place.soon('away');
    await place.runtime.stop(instance, 0, never);
    expect(isAlive(away)).toBe(false);
  });
});

test('two programs on one machine do not take each other for their own', async () => {
  const one = await Place.make({ owner, useCgroups: false });
  const other = await Place.make({ owner, useCgroups: false });
  try {
    await one.start('exec sleep 1000');
    await other.start('exec sleep 1000');
    await one.runtime.stop(instance, 0, never);
    await expect(other.runtime.adopt(instance)).resolves.toEqual({ state: 'running' });
  } finally {
    await one.clear();
    await other.clear();
  }
});

test('a machine without cgroups is told from one that has them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'no-cgroups-'));
  const { files } = world;
  const elsewhere = new Proxy(files, {
    get: (target, name) =>
      name === 'read'
        ? async (path: string, limit: number) =>
            path === '/proc/self/mounts'
              ? Buffer.from(`proc ${folder} proc rw 0 0\n`)
              : files.read(path, limit)
        : Reflect.get(target, name).bind(target),
  });
  await expect(openCgroups({ ...world, files: elsewhere }, 'steward-none')).resolves.toBeUndefined();
  await rm(folder, { recursive: true });
});
