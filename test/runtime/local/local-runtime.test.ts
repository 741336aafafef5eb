import { chmod, copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { DetachedCommand } from '../../../src/gateways/processes.js';
import { instance, isAlive, isRoot, never, owner, PATH, Place, world } from './support.js';

// Each starts several programs, one after another, and waits for what they say; a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let place: Place;

beforeEach(async () => {
  place = await Place.make({ owner });
});

afterEach(() => place.clear());

describe('a command that ends by itself', () => {
  test.each([
    ['exit 0', 0],
    ['exit 7', 7],
    ['kill -KILL $$', 137],
    ['kill -TERM $$', 143],
  ])('%s is told as %i', async (script, code) => {
    await place.start(script);
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code });
  });

  test('a program that does not exist is told as 127, with the reason in the log', async () => {
    await place.start('', { work: { kind: 'command', command: ['no-such-program'] } });
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 127 });
    expect(await place.log()).toContain('no-such-program');
  });

  test('takes what it left in its group with it', async () => {
    await place.start('sleep 1000 & echo $! > left; exit 3');
    const pid = Number(await place.soon('left'));
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 3 });
    expect(isAlive(pid)).toBe(false);
  });

  test('its exit code is found by a runtime that was not there', async () => {
    await place.start('exit 5');
    await place.runtime.ended(instance, never);
    await expect(place.another().adopt(instance)).resolves.toEqual({
      state: 'ended',
      end: { kind: 'exited', code: 5 },
    });
  });

  test('the exit code is whole and in its place, with nothing unfinished beside it', async () => {
    await place.start('exit 9');
    await place.runtime.ended(instance, never);
    expect(await readFile(join(place.root, 'runs', 'run-1', 'exit'), 'utf8')).toBe('9\n');
    await expect(stat(join(place.root, 'runs', 'run-1', 'exit.part'))).rejects.toThrow('ENOENT');
  });
});

describe('where a command starts', () => {
  test('in the content, or in the location inside it when that exists', async () => {
    await mkdir(join(place.content, 'repo'));
    await place.start('pwd', { location: '/workspace/repo' });
    await place.runtime.ended(instance, never);
    expect((await place.log()).trim()).toBe(join(place.content, 'repo'));
  });

  test.each(['missing', '../..', '/workspace/../..'])(
    'location %s means the content itself',
    async (location) => {
      await place.start('pwd', { location });
      await place.runtime.ended(instance, never);
      expect((await place.log()).trim()).toBe(place.content);
    },
  );

  test('with exactly the environment it was given, and a home', async () => {
    process.env['LEAKED_FROM_US'] = 'yes';
    await place.start('env', { env: { COLOUR: 'blue\nand "green"' } });
    await place.runtime.ended(instance, never);
    delete process.env['LEAKED_FROM_US'];
    const text = await place.log();
    expect(text).toContain('COLOUR=blue\nand "green"');
    expect(text).toContain(`HOME=${join(place.root, 'runs', 'run-1', 'home')}`);
    expect(text).toContain(`PATH=${PATH}\n`);
    expect(text).not.toContain('LEAKED_FROM_US');
    expect(text).not.toContain('_steward');
  });

  test.runIf(isRoot)('gives nobody rights by set-id programs in the content', async () => {
    await copyFile('/usr/bin/id', join(place.content, 'id'));
    await chmod(join(place.content, 'id'), 0o4755);
    await place.start('./id -u >out.part; mv out.part out');
    expect(await place.soon('out')).toBe('33333');
  });

  test('as the owner of the content when we may change users, else as ourselves', async () => {
    await place.start('id -u > who; exit 4');
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 4 });
    const uid = isRoot ? 33333 : process.getuid?.();
    expect((await readFile(join(place.content, 'who'), 'utf8')).trim()).toBe(String(uid));
  });
});

describe('starting twice', () => {
  test('runs the command once', async () => {
    await Promise.all([
      place.start('echo once >> count; sleep 1000'),
      place.start('echo once >> count; sleep 1000'),
    ]);
    await place.soon('count');
    await expect(place.start('echo again >> count')).resolves.toEqual({ state: 'running' });
    await place.runtime.stop(instance, 0, never);
    expect(await readFile(join(place.content, 'count'), 'utf8')).toBe('once\n');
  });

  test('runs it when the first start was cut off before it began', async () => {
    const { processes } = world;
    const startDetached = (command: DetachedCommand) =>
      processes.startDetached({ ...command, hold: () => Promise.reject(new Error('we were killed')) });
    const cutOff = new Proxy(processes, {
      get: (target, name) =>
        name === 'startDetached' ? startDetached : Reflect.get(target, name).bind(target),
    });
    const first = place.another({}, { ...world, processes: cutOff });
    await expect(place.start('echo once >> count; exit 3', {}, first)).rejects.toThrow('we were killed');
    await expect(place.runtime.adopt(instance)).resolves.toEqual({ state: 'absent' });
    await place.start('echo once >> count; exit 3');
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 3 });
    expect(await place.soon('count')).toBe('once');
  });

  test('does not bring back a run that has ended', async () => {
    await place.start('exit 2');
    await place.runtime.ended(instance, never);
    await expect(place.start('exit 0')).resolves.toEqual({
      state: 'ended',
      end: { kind: 'exited', code: 2 },
    });
  });
});

describe('after a restart of ours', () => {
  test('a running command is found again, and its end noticed', async () => {
    await place.start('while [ ! -e go ]; do sleep 0.01; done; exit 6');
    const later = place.another();
    await expect(later.adopt(instance)).resolves.toEqual({ state: 'running' });
    const end = later.ended(instance, never);
    await writeFile(join(place.content, 'go'), '');
    await expect(end).resolves.toEqual({ kind: 'exited', code: 6 });
  });

  test('a shim that was killed is lost, not running and not successful', async () => {
    await place.start('echo $PPID > shim; exec sleep 1000');
    process.kill(Number(await place.soon('shim')), 'SIGKILL');
    await expect(place.another().ended(instance, never)).resolves.toMatchObject({ kind: 'lost' });
  });

  test('another process under the same pid is not taken for it', async () => {
    await place.start('exec sleep 1000');
    const file = join(place.root, 'runs', 'run-1', 'identity');
    const text = await readFile(file, 'utf8');
    const [pid = '', ticks = '', ...rest] = text.trim().split(' ');
    await writeFile(file, `${pid} ${Number(ticks) + 1} ${rest.join(' ')}\n`);
    await expect(place.another().adopt(instance)).resolves.toMatchObject({
      state: 'ended',
      end: { kind: 'lost' },
    });
    await writeFile(file, text);
  });

  test('a process of another user is neither adopted nor signalled', async () => {
    place = await Place.make({ owner, useCgroups: false });
    await place.start('exec sleep 1000');
    const uid = (process.getuid?.() ?? 0) + 12_345;
    const other = place.another({ owner: { uid, gid: uid } });
    await expect(other.adopt(instance)).resolves.toMatchObject({ state: 'ended' });
    const identity = await readFile(join(place.root, 'runs', 'run-1', 'identity'), 'utf8');
    const logFolder = join(place.root, 'logs', 'run-1', identity.trim().split(' ').at(-1) ?? '');
    // Its log is not waited for.
    await writeFile(join(logFolder, 'over'), '');
    await other.stop(instance, 0, never);
    await expect(place.another().adopt(instance)).resolves.toEqual({ state: 'running' });
  });
});

describe('stopping', () => {
  test('asks first, and waits for the answer', async () => {
    await place.start("trap 'echo bye > bye; exit 0' TERM; echo up > up; while :; do sleep 0.01; done");
    await place.soon('up');
    const end = await place.runtime.stop(instance, world.clock.now() + 60_000, never);
    expect(end).toEqual({ kind: 'exited', code: 0 });
    expect(await readFile(join(place.content, 'bye'), 'utf8')).toBe('bye\n');
  });

  test('kills all of the group when the grace is over', async () => {
    await place.start("trap '' TERM; sleep 1000 & echo $! > child; echo $$ > self; wait; sleep 1000");
    const pids = [await place.soon('child'), await place.soon('self')];
    const end = await place.runtime.stop(instance, world.clock.now() + 50, never);
    expect(end).toEqual({ kind: 'exited', code: 137 });
    expect(pids.map(Number).filter(isAlive)).toEqual([]);
  });

  test('what was stopped before it started never starts, not even by a shim that comes late', async () => {
    await expect(place.runtime.stop(instance, 0, never)).resolves.toBeUndefined();
    await expect(place.start('echo ran > ran')).resolves.toEqual({ state: 'never-started' });
    await expect(stat(join(place.content, 'ran'))).rejects.toThrow('ENOENT');
  });

  test('may be asked again', async () => {
    await place.start('exec sleep 1000');
    const first = await place.runtime.stop(instance, 0, never);
    expect(first).toEqual({ kind: 'exited', code: 137 });
    await expect(place.runtime.stop(instance, 0, never)).resolves.toMatchObject({ kind: expect.any(String) });
    await expect(place.runtime.adopt(instance)).resolves.toMatchObject({ state: 'ended' });
  });
});

describe('a run', () => {
  test('is gone when it is removed', async () => {
    await place.start('echo one');
    await place.runtime.ended(instance, never);
    await place.runtime.remove(instance);
    expect(await place.log()).toBe('');
    await expect(place.runtime.adopt(instance)).resolves.toEqual({ state: 'absent' });
  });
});
