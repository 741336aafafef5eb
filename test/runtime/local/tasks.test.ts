import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Task } from '../../../src/runtime/workspace-runtime.js';
import { instance, isAlive, never, owner, Place, world } from './support.js';

let place: Place;

beforeEach(async () => {
  place = await Place.make({ owner });
});

afterEach(() => place.clear());

function run(...scripts: string[]) {
  const tasks: Task[] = scripts.map((script, index) => ({ name: String(index), script }));
  return place.start('', { work: { kind: 'tasks', tasks } });
}

function taskLog(name: string): Promise<string> {
  return readFile(join(place.content, '.gitpod', `prebuild-log-${name}`), 'utf8');
}

describe('tasks of an instance that nobody is at', () => {
  test('run at the same time, and each leaves its log where the daemon looks for it', async () => {
    await run(
      'echo one out; echo one err >&2; echo >a; while [ ! -e b ]; do sleep 0.01; done',
      'echo two out; echo >b; while [ ! -e a ]; do sleep 0.01; done',
    );
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 0 });
    expect(await taskLog('0')).toBe('one out\none err\n');
    expect(await taskLog('1')).toBe('two out\n');
    const whole = await place.log();
    for (const line of ['one out', 'one err', 'two out']) expect(whole).toContain(`${line}\n`);
  });

  test('end with the code of the first that failed, when all have ended', async () => {
    await run('exit 0', 'while [ ! -e last ]; do sleep 0.01; done; exit 3', 'echo >last; exit 4');
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 3 });
  });

  test('none at all is a success', async () => {
    await run();
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 0 });
  });

  test('do not see each other, nor what may be secret in their commands', async () => {
    await run(
      'mine=1; export TOKEN=s3cret; sleep 1000 & echo "other: $other" >seen; wait',
      'other=1; env >env',
    );
    expect(await place.soon('seen')).toBe('other:');
    expect(await place.soon('env')).not.toContain('s3cret');
    const { stdout } = await ps();
    expect(stdout).not.toContain('s3cret');
    expect(stdout).toContain('steward-tasks');
  });

  test('are ended by a stop', async () => {
    await run('echo $$ >pid; exec sleep 1000', 'trap "" TERM; echo >up; while :; do sleep 1; done');
    const pid = await place.soon('pid');
    await expect.poll(() => place.names()).toContain('up');
    await place.runtime.stop(instance, world.clock.now() + 20, never);
    expect(isAlive(pid)).toBe(false);
  });

  test('fill their log in the content up to a bound, and go on', async () => {
    await run('head -c 17000000 /dev/zero | tr "\\0" x; echo; echo finished');
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 0 });
    expect((await taskLog('0')).length).toBe(16 * 1024 * 1024);
    expect(await place.log({ tailLines: 1 })).toBe('finished\n');
  });

  test('succeed although their log cannot be written', async () => {
    await writeFile(join(place.content, '.gitpod'), 'in the way');
    await run('echo out; exit 0');
    await expect(place.runtime.ended(instance, never)).resolves.toEqual({ kind: 'exited', code: 0 });
    expect(await place.log()).toContain('out\n');
  });
});

/** Every command line of the machine. */
async function ps(): Promise<{ stdout: string }> {
  const child = world.processes.start({ program: 'ps', args: ['-eo', 'args'], env: {} });
  let stdout = '';
  for await (const chunk of child.stdout) stdout += chunk;
  return { stdout };
}
