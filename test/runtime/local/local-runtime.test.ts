import { readFileSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type InstanceId, isInstanceId } from '../../../machines/ids.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { LocalRuntime } from '../../../src/runtime/local/local-runtime.js';

const world = realWorld();
const isRoot = process.getuid?.() === 0;
const instance = id('run-1');
const never = new AbortController().signal;
const PATH = process.env['PATH'] ?? '/usr/bin:/bin';
let root = '';
let runtime: LocalRuntime;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'runtime-'));
  await chmod(root, 0o711);
  await mkdir(join(root, 'content'));
  runtime = another();
});

afterEach(async () => {
  await runtime.stop(instance, 0, never);
  await rm(root, { recursive: true, force: true });
});

function id(text: string): InstanceId {
  if (!isInstanceId(text)) throw new Error(text);
  return text;
}

/** The runtime as a restarted program has it. */
function another(owner?: { uid: number; gid: number }): LocalRuntime {
  return new LocalRuntime(world, { runs: join(root, 'runs'), logs: join(root, 'logs'), owner });
}

function start(script: string, more: { location?: string; env?: Record<string, string> } = {}) {
  return runtime.start(
    {
      instance,
      command: ['/bin/sh', '-c', script],
      env: { PATH, ...more.env },
      contentFolder: join(root, 'content'),
      location: more.location ?? '',
    },
    never,
  );
}

async function log(): Promise<string> {
  return readFile(join(root, 'logs', 'run-1.log'), 'utf8');
}

async function soon(path: string): Promise<string> {
  return expect
    .poll(() => readFile(path, 'utf8').catch(() => ''), { timeout: 20_000, interval: 10 })
    .not.toBe('')
    .then(() => readFile(path, 'utf8'));
}

/** One that has ended but was not waited for (by whoever adopted it) is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a command that ends by itself', () => {
  test.each([
    ['exit 0', 0],
    ['exit 7', 7],
    ['kill -KILL $$', 137],
    ['kill -TERM $$', 143],
  ])('%s is told as %i', async (script, code) => {
    await start(script);
    await expect(runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code });
  });

  test('a program that does not exist is told as 127, with the reason in the log', async () => {
    await runtime.start(
      { instance, command: ['no-such-program'], env: { PATH }, contentFolder: root, location: '' },
      never,
    );
    await expect(runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 127 });
    expect(await log()).toContain('no-such-program');
  });

  test('takes what it left in its group with it', async () => {
    await start('sleep 1000 & echo $! > left; exit 3');
    const pid = Number(await soon(join(root, 'content', 'left')));
    await expect(runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 3 });
    expect(isAlive(pid)).toBe(false);
  });

  test('its exit code is found by a runtime that was not there', async () => {
    await start('exit 5');
    await runtime.ended(instance, never);
    await expect(another().adopt(instance)).resolves.toEqual({
      state: 'ended',
      end: { kind: 'exited', code: 5 },
    });
  });

  test('the exit code is whole and in its place, with nothing unfinished beside it', async () => {
    await start('exit 9');
    await runtime.ended(instance, never);
    expect(await readFile(join(root, 'runs', 'run-1', 'exit'), 'utf8')).toBe('9\n');
    await expect(stat(join(root, 'runs', 'run-1', 'exit.part'))).rejects.toThrow('ENOENT');
  });
});

describe('where a command starts', () => {
  test('in the content, or in the location inside it when that exists', async () => {
    await mkdir(join(root, 'content', 'repo'));
    await start('pwd', { location: '/workspace/repo' });
    await runtime.ended(instance, never);
    expect((await log()).trim()).toBe(join(root, 'content', 'repo'));
  });

  test.each(['missing', '../..', '/workspace/../..'])(
    'location %s means the content itself',
    async (location) => {
      await start('pwd', { location });
      await runtime.ended(instance, never);
      expect((await log()).trim()).toBe(join(root, 'content'));
    },
  );

  test('with exactly the environment it was given, and a home', async () => {
    process.env['LEAKED_FROM_US'] = 'yes';
    await start('env', { env: { COLOUR: 'blue\nand "green"' } });
    await runtime.ended(instance, never);
    delete process.env['LEAKED_FROM_US'];
    const text = await log();
    expect(text).toContain('COLOUR=blue\nand "green"');
    expect(text).toContain(`HOME=${join(root, 'runs', 'run-1', 'home')}`);
    expect(text).toContain(`PATH=${PATH}\n`);
    expect(text).not.toContain('LEAKED_FROM_US');
    expect(text).not.toContain('_steward');
  });

  test.runIf(isRoot)('gives nobody rights by set-id programs in the content', async () => {
    await chown(join(root, 'content'), 33333, 33333);
    runtime = another({ uid: 33333, gid: 33333 });
    await copyFile('/usr/bin/id', join(root, 'content', 'id'));
    await chmod(join(root, 'content', 'id'), 0o4755);
    await start('./id -u >out.part; mv out.part out');
    expect(await soon(join(root, 'content', 'out'))).toBe('33333\n');
  });

  test('as the owner of the content when we may change users, else as ourselves', async () => {
    await chown(join(root, 'content'), isRoot ? 33333 : -1, isRoot ? 33333 : -1);
    runtime = another(isRoot ? { uid: 33333, gid: 33333 } : undefined);
    await start('id -u > who; exit 4');
    await expect(runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 4 });
    const uid = isRoot ? 33333 : process.getuid?.();
    expect((await readFile(join(root, 'content', 'who'), 'utf8')).trim()).toBe(String(uid));
  });
});

describe('starting twice', () => {
  test('runs the command once', async () => {
    await Promise.all([start('echo once >> count; sleep 1000'), start('echo once >> count; sleep 1000')]);
    await soon(join(root, 'content', 'count'));
    await expect(start('echo again >> count')).resolves.toEqual({ state: 'running' });
    await runtime.stop(instance, 0, never);
    expect(await readFile(join(root, 'content', 'count'), 'utf8')).toBe('once\n');
  });

  test('does not bring back a run that has ended', async () => {
    await start('exit 2');
    await runtime.ended(instance, never);
    await expect(start('exit 0')).resolves.toEqual({ state: 'ended', end: { kind: 'exited', code: 2 } });
  });
});

describe('after a restart of ours', () => {
  test('a running command is found again, and its end noticed', async () => {
    await start('while [ ! -e go ]; do sleep 0.01; done; exit 6');
    const later = another();
    await expect(later.adopt(instance)).resolves.toEqual({ state: 'running' });
    const end = later.ended(instance, never);
    await writeFile(join(root, 'content', 'go'), '');
    await expect(end).resolves.toEqual({ kind: 'exited', code: 6 });
  });

  test('a shim that was killed is lost, not running and not successful', async () => {
    await start('echo $PPID > shim; exec sleep 1000');
    process.kill(Number(await soon(join(root, 'content', 'shim'))), 'SIGKILL');
    await expect(another().ended(instance, never)).resolves.toMatchObject({ kind: 'lost' });
  });

  test('another process under the same pid is not taken for it', async () => {
    await start('exec sleep 1000');
    const file = join(root, 'runs', 'run-1', 'identity');
    const text = await readFile(file, 'utf8');
    const [pid = '', ticks = '', boot = ''] = text.trim().split(' ');
    await writeFile(file, `${pid} ${Number(ticks) + 1} ${boot}\n`);
    await expect(another().adopt(instance)).resolves.toMatchObject({ state: 'ended', end: { kind: 'lost' } });
    await writeFile(file, text);
  });

  test('a process of another user is neither adopted nor signalled', async () => {
    await start('exec sleep 1000');
    const uid = (process.getuid?.() ?? 0) + 1;
    await expect(another({ uid, gid: uid }).adopt(instance)).resolves.toMatchObject({ state: 'ended' });
    await another({ uid, gid: uid }).stop(instance, 0, never);
    await expect(another().adopt(instance)).resolves.toEqual({ state: 'running' });
  });
});

describe('stopping', () => {
  test('asks first, and waits for the answer', async () => {
    await start("trap 'echo bye > bye; exit 0' TERM; echo up > up; while :; do sleep 0.01; done");
    await soon(join(root, 'content', 'up'));
    const end = await runtime.stop(instance, world.clock.now() + 60_000, never);
    expect(end).toEqual({ kind: 'exited', code: 0 });
    expect(await readFile(join(root, 'content', 'bye'), 'utf8')).toBe('bye\n');
  });

  test('kills all of the group when the grace is over', async () => {
    await start("trap '' TERM; sleep 1000 & echo $! > child; echo $$ > self; wait; sleep 1000");
    const pids = [await soon(join(root, 'content', 'child')), await soon(join(root, 'content', 'self'))];
    const end = await runtime.stop(instance, world.clock.now() + 50, never);
    expect(end).toEqual({ kind: 'exited', code: 137 });
    expect(pids.map(Number).filter(isAlive)).toEqual([]);
  });

  test('what was stopped before it started never starts, not even by a shim that comes late', async () => {
    await expect(runtime.stop(instance, 0, never)).resolves.toBeUndefined();
    await expect(start('echo ran > ran')).resolves.toEqual({ state: 'never-started' });
    await expect(stat(join(root, 'content', 'ran'))).rejects.toThrow('ENOENT');
  });

  test('may be asked again', async () => {
    await start('exec sleep 1000');
    const first = await runtime.stop(instance, 0, never);
    expect(first).toEqual({ kind: 'exited', code: 137 });
    await expect(runtime.stop(instance, 0, never)).resolves.toMatchObject({ kind: expect.any(String) });
    await expect(runtime.adopt(instance)).resolves.toMatchObject({ state: 'ended' });
  });
});

describe('the log', () => {
  async function read(options: { follow?: boolean; tailLines?: number; isOver?: () => boolean }) {
    const chunks: Uint8Array[] = [];
    const stream = runtime.logs(instance, {
      follow: options.follow ?? false,
      tailLines: options.tailLines,
      isOver: options.isOver ?? (() => true),
      signal: never,
    });
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  test('holds output and errors in order', async () => {
    await start('echo one; echo two >&2; echo three');
    await runtime.ended(instance, never);
    expect(await read({})).toBe('one\ntwo\nthree\n');
  });

  test('is empty before anything ran', async () => {
    expect(await read({})).toBe('');
  });

  test.each([
    [0, ''],
    [1, 'three'],
    [2, 'two\nthree'],
    [9, 'one\ntwo\nthree'],
  ])('its last %i lines', async (tailLines, text) => {
    await start("printf 'one\\ntwo\\nthree'");
    await runtime.ended(instance, never);
    expect(await read({ tailLines })).toBe(text);
  });

  test('is followed until the command is over', async () => {
    let isOver = false;
    await start('echo one; while [ ! -e go ]; do sleep 0.01; done; echo two');
    const whole = read({ follow: true, isOver: () => isOver });
    await writeFile(join(root, 'content', 'go'), '');
    await runtime.ended(instance, never);
    isOver = true;
    expect(await whole).toBe('one\ntwo\n');
  });

  test('is gone with the run', async () => {
    await start('echo one');
    await runtime.ended(instance, never);
    await runtime.remove(instance);
    expect(await read({})).toBe('');
    await expect(runtime.adopt(instance)).resolves.toEqual({ state: 'absent' });
  });
});
