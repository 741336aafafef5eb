import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { World } from '../../../src/gateways/world.js';
import { EXECS_PER_INSTANCE_MAX } from '../../../src/runtime/bounds.js';
import type { ExecRequest, RunningExec } from '../../../src/runtime/exec.js';
import { instance, isAlive, never, owner, PATH, Place, world } from './support.js';

// Each starts several programs, one after another, and waits for what they say; a busy machine takes its time.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let place: Place;
const running: RunningExec[] = [];

beforeEach(async () => {
  place = await Place.make({ owner });
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.kill()));
  await place.clear();
});

async function exec(script: string, more: Partial<ExecRequest> = {}): Promise<RunningExec> {
  const request = { command: ['/bin/sh', '-c', script], env: {}, workingFolder: '', terminal: undefined };
  const started = await place.runtime.exec(instance, { ...request, ...more });
  running.push(started);
  return started;
}

/** Everything it says until it ends. */
async function whole({ output, end }: RunningExec) {
  const said = { stdout: '', stderr: '' };
  for await (const { stream, data } of output) said[stream] += Buffer.from(data).toString();
  return { ...said, end: await end };
}

/** What it says until the text appears in it. */
async function until(output: AsyncIterator<{ data: Uint8Array }>, text: string): Promise<string> {
  let said = '';
  while (!said.includes(text)) {
    const next = await output.next();
    if (next.done === true) throw new Error(`ended after ${JSON.stringify(said)}`);
    said += Buffer.from(next.value.data).toString();
  }
  return said;
}

/** How it ends when all the rest is read. */
async function end(started: RunningExec, output: AsyncIterator<{ data: Uint8Array }>) {
  for (let next = await output.next(); next.done !== true; next = await output.next());
  return started.end;
}

function iterate(started: RunningExec) {
  return started.output[Symbol.asyncIterator]();
}

async function type(started: RunningExec, text: string): Promise<void> {
  await started.write(Buffer.from(text));
}

test('a command that is begun while the instance stops does not outlive the stop', async () => {
  await place.start('exec sleep 1000');
  const { processes } = world;
  let stopped: Promise<unknown> | undefined;
  // All of the stop, its last look for processes included, falls between the question and the start of the command.
  const during: World = {
    ...world,
    processes: Object.assign(Object.create(processes), {
      find: async (program: string) => {
        stopped ??= place.runtime.stop(instance, 0, never);
        await stopped;
        return processes.find(program);
      },
    }),
  };
  const runtime = place.another({ useCgroups: false }, during);
  const mark = join(place.content, 'outlived');
  const command = ['/bin/sh', '-c', `echo $$ > ${mark}.$$; mv ${mark}.$$ ${mark}; exec sleep 1000`];
  const asked = runtime.exec(instance, { command, env: {}, workingFolder: '', terminal: undefined });
  await expect(asked.then((one) => running.push(one))).rejects.toMatchObject({ code: 'wrong-state' });
  const pid = (await readFile(mark, 'utf8').catch(() => '')).trim();
  expect(pid === '' || !isAlive(pid)).toBe(true);
});

describe('a command in a running instance', () => {
  beforeEach(() => place.start('export IGNORED=x; exec sleep 1000', { env: { COLOUR: 'blue' } }));

  test('runs in its folder, as its user, with its environment and what is added', async () => {
    const said = await whole(await exec('pwd; id -u; echo $COLOUR $ADDED $HOME', { env: { ADDED: 'yes' } }));
    const uid = owner?.uid ?? process.getuid?.();
    const home = join(place.root, 'runs', 'run-1', 'home');
    expect(said).toEqual({
      stdout: `${place.content}\n${uid}\nblue yes ${home}\n`,
      stderr: '',
      end: { kind: 'code', code: 0 },
    });
  });

  test('tells its outputs apart, and its exit code', async () => {
    const said = await whole(await exec('echo out; echo err >&2; exit 7'));
    expect(said).toEqual({ stdout: 'out\n', stderr: 'err\n', end: { kind: 'code', code: 7 } });
  });

  test('reads what is sent until the end of the input, and goes on after it', async () => {
    const cat = await exec('cat; echo over');
    await type(cat, 'one\n');
    await type(cat, 'two\n');
    cat.endInput();
    expect((await whole(cat)).stdout).toBe('one\ntwo\nover\n');
  });

  test('may close its input while somebody still writes', async () => {
    const deaf = await exec('exec <&-; echo closed; while [ ! -e go ]; do sleep 0.01; done; echo over');
    const output = iterate(deaf);
    await until(output, 'closed');
    for (let count = 0; count < 20; count += 1) await type(deaf, 'x'.repeat(100_000));
    await writeFile(join(place.content, 'go'), '');
    await until(output, 'over');
    await expect(end(deaf, output)).resolves.toEqual({ kind: 'code', code: 0 });
  });

  test('is told a signal by its number, and ends of it as signals do', async () => {
    const asleep = await exec('echo up; exec sleep 1000');
    const output = iterate(asleep);
    await until(output, 'up');
    await asleep.signal('SIGTERM');
    await expect(end(asleep, output)).resolves.toEqual({ kind: 'signal', signal: 15 });
  });

  test.each([
    ['/workspace/below', 'below'],
    ['/workspace', ''],
    ['/workspace/../../..', ''],
  ])('starts in %s, which is the content', async (workingFolder, below) => {
    await mkdir(join(place.content, 'below'));
    expect((await whole(await exec('pwd', { workingFolder }))).stdout.trim()).toBe(
      join(place.content, below).replace(/\/$/, ''),
    );
  });

  test('in a folder that is not there ends with 126, and says so', async () => {
    const said = await whole(await exec('echo ran', { workingFolder: '/workspace/missing' }));
    expect(said).toMatchObject({ stdout: '', end: { kind: 'code', code: 126 } });
    expect(said.stderr).toContain('missing');
  });

  test('that does not exist ends with 127, and says so', async () => {
    const said = await whole(await exec('', { command: ['no-such-program'] }));
    expect(said).toMatchObject({ stdout: '', end: { kind: 'code', code: 127 } });
    expect(said.stderr).toContain('no-such-program');
  });

  test('that is too large for the system is refused', async () => {
    const env = { HUGE: 'x'.repeat(200_000) };
    await expect(exec('true', { env })).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(
      (await whole(await exec('printf %s "$LARGE" | wc -c', { env: { LARGE: 'x'.repeat(100_000) } }))).stdout,
    ).toBe('100000\n');
  });

  test('is killed with what it started', async () => {
    const busy = await exec('sleep 1000 & echo $!; trap "" TERM HUP; wait');
    const child = (await until(iterate(busy), '\n')).trim();
    await busy.kill();
    await expect.poll(() => isAlive(child)).toBe(false);
    await expect(busy.end).resolves.toEqual({ kind: 'signal', signal: 9 });
  });

  test('is killed although nobody reads what it says', async () => {
    const loud = await exec('yes');
    await until(iterate(loud), 'y');
    await loud.kill();
    await expect(loud.end).resolves.toEqual({ kind: 'signal', signal: 9 });
  });

  test('ends with the instance, wherever it went', async () => {
    const away = await exec('setsid sh -c "echo \\$\\$; exec sleep 1000" & wait');
    const output = iterate(away);
    const pid = (await until(output, '\n')).trim();
    await place.runtime.stop(instance, 0, never);
    expect(isAlive(pid)).toBe(false);
    await end(away, output);
  });

  test('is one of a bounded number', async () => {
    const more = Array.from({ length: EXECS_PER_INSTANCE_MAX }, () => exec('exec sleep 1000'));
    const [first] = await Promise.all(more);
    await expect(exec('true')).rejects.toMatchObject({ code: 'overloaded' });
    await first?.kill();
    await expect(exec('exit 3').then(whole)).resolves.toMatchObject({ end: { code: 3 } });
  });

  test('is found its place by a runtime that was not there', async () => {
    const command = ['/bin/sh', '-c', 'echo $COLOUR'];
    const request = { command, env: {}, workingFolder: '', terminal: undefined };
    expect((await whole(await place.another().exec(instance, request))).stdout).toBe('blue\n');
  });
});

describe('a command in a terminal', () => {
  const terminal = { columns: 91, rows: 17 };
  beforeEach(() => place.start('exec sleep 1000', { env: { SHELL: '/bin/odd' } }));

  test('has one of the size asked for, and the environment of the instance', async () => {
    const said = await whole(
      await exec('tty >/dev/null && stty size; echo $TERM $SHELL "$PATH"; exit 6', { terminal }),
    );
    expect(said).toEqual({
      stdout: `17 91\r\nxterm-256color /bin/odd ${PATH}\r\n`,
      stderr: '',
      end: { kind: 'code', code: 6 },
    });
  });

  test('is told of a new size at once, and finds the last of several', async () => {
    const shell = await exec('trap "stty size" WINCH; echo up; while [ ! -e done ]; do sleep 0.01; done', {
      terminal,
    });
    const output = iterate(shell);
    await until(output, 'up');
    await Promise.all([30, 31, 32, 33].map((rows) => shell.resize({ columns: 120, rows })));
    await until(output, '33 120');
  });

  test('echoes what is typed, and is interrupted by Ctrl-C', async () => {
    const cat = await exec('echo up; cat; echo not reached', { terminal });
    const output = iterate(cat);
    await until(output, 'up');
    await type(cat, 'hello\n');
    expect(await until(output, 'hello\r\nhello')).toContain('hello\r\nhello');
    await type(cat, '\x03');
    await expect(end(cat, output)).resolves.toEqual({ kind: 'code', code: 130 });
  });

  test('sees the end of the input as Ctrl-D', async () => {
    const cat = await exec('cat; echo over', { terminal });
    await type(cat, 'one\n');
    cat.endInput();
    const said = await whole(cat);
    expect(said.stdout).toContain('over');
    expect(said.end).toEqual({ kind: 'code', code: 0 });
  });

  test('runs what people run there: a shell with jobs', async () => {
    const shell = await exec('', { command: ['/bin/sh', '-i'], terminal, env: { PS1: '# ' } });
    const output = iterate(shell);
    await type(shell, 'sleep 1000 & kill %1; echo told$?\n');
    await until(output, 'told0');
    await type(shell, 'exit 9\n');
    await expect(end(shell, output)).resolves.toEqual({ kind: 'code', code: 9 });
  });

  test('goes away in the middle: all of its session ends, what ignores it too', async () => {
    const shell = await exec(
      `trap '' HUP; sh -c 'trap "" HUP TERM; echo child $$; while :; do sleep 1; done' & echo leader $$; wait`,
      { terminal },
    );
    const output = iterate(shell);
    let said = '';
    while (!/child \d+\r/.test(said) || !/leader \d+\r/.test(said)) {
      said += await until(output, '\n');
    }
    await shell.kill();
    const pids = [...said.matchAll(/(?:child|leader) (\d+)/g)].map(([, pid]) => pid ?? '');
    expect(pids).toHaveLength(2);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('is signalled where it works', async () => {
    const shell = await exec('trap "echo told" USR1; echo up; while :; do sleep 0.01; done', { terminal });
    const output = iterate(shell);
    await until(output, 'up');
    await shell.signal('SIGUSR1');
    await until(output, 'told');
  });

  test('that cannot be started says why', async () => {
    const said = await whole(await exec('', { command: ['no-such-program'], terminal }));
    expect(said.end).toEqual({ kind: 'code', code: 127 });
    expect(said.stdout).toContain('no-such-program');
    const nowhere = await whole(await exec('true', { terminal, workingFolder: '/no/such' }));
    expect(nowhere.end).toEqual({ kind: 'code', code: 126 });
    expect(nowhere.stderr).toContain('/no/such');
  });
});

describe('an instance that does not run', () => {
  test('runs no other command either', async () => {
    await expect(exec('true')).rejects.toMatchObject({ code: 'wrong-state' });
    await place.start('exit 0');
    await place.runtime.ended(instance, never);
    await expect(exec('true')).rejects.toMatchObject({ code: 'wrong-state' });
  });
});
