import { describe, expect, it } from 'vitest';
import { EXEC_INPUT_UNTAKEN_BYTES } from '../../src/cli/bounds.js';
import { ExecRequests } from '../../src/cli/exec-requests.js';
import { StewardError } from '../../src/errors/steward-error.js';
import {
  type ExecRequest,
  type ExecResponse,
  RuntimeServiceService,
} from '../../src/gen/steward/v1/runtime.js';
import type { CallContext } from '../../src/grpc/service-types.js';
import { startServer } from '../grpc/running-server.js';
import { jsonLines, type MemoryOptions, memoryInput, steward } from './support/memory-cli.js';

type Exec = (requests: AsyncIterable<ExecRequest>, call: CallContext) => AsyncGenerator<ExecResponse>;

const started: ExecResponse = { event: { $case: 'started', value: { pid: 7n } } };
const said = (text: string, stream: 'stdout' | 'stderr' = 'stdout'): ExecResponse => ({
  event: { $case: stream, value: Buffer.from(text) },
});
const exited = (code: number): ExecResponse => ({
  event: { $case: 'exit', value: { end: { $case: 'code', value: code } } },
});

/** The command against a server whose commands behave as told. */
async function run(exec: Exec, args: readonly string[], options: MemoryOptions = {}) {
  const { addresses } = await startServer((server) =>
    server.addService(RuntimeServiceService, {
      logs: async function* () {},
      listPorts: async () => ({ ports: [] }),
      exec,
    }),
  );
  return steward(['--address', addresses[0] ?? '', 'exec', ...args], options);
}

/** Tells what it was started with, then says everything it is told. */
const echo: Exec = async function* (requests) {
  yield started;
  for await (const { event } of requests) {
    if (event?.$case === 'start') yield said(`${JSON.stringify(event.value)}\n`);
    if (event?.$case === 'stdin') yield said(event.value.toString());
    if (event?.$case === 'signal') yield said(`signal ${event.value}\n`);
    if (event?.$case === 'stdinEnd' || event?.$case === 'signal') break;
  }
  yield exited(3);
};

describe('exec', () => {
  it('passes the command, its folder and its variables on, and ends as the command did', async () => {
    const { code, stdout, stderr } = await run(
      echo,
      ['i1', '--cwd', '/workspace/x', '-e', 'A=b', '-e', 'TOKEN', '--', 'git', '-C', '.', 'status'],
      { env: { TOKEN: 'secret' } },
    );
    expect(JSON.parse(stdout)).toEqual({
      ...{ instanceId: 'i1', command: ['git', '-C', '.', 'status'], workingDirectory: '/workspace/x' },
      environment: { A: 'b', TOKEN: 'secret' },
    });
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
  });

  it('passes input on only with -i, each piece once and in order', async () => {
    const stdin = memoryInput(['one\n', 'two\n']);
    const quiet = await run(echo, ['i1', '--', 'cat'], { stdin });
    expect(quiet.stdout).not.toContain('one');
    const { stdout } = await run(echo, ['-i', 'i1', '--', 'cat'], { stdin });
    expect(stdout).toMatch(/\none\ntwo\n$/);
  });

  it('asks for a shell and a terminal of the size of its own', async () => {
    const terminal = { columns: 132, rows: 43 };
    const { stdout } = await run(echo, ['-it', 'i1'], { terminal, stdin: memoryInput([], true) });
    expect(JSON.parse(stdout)).toMatchObject({ terminal: { columns: 132, rows: 43 } });
    expect(JSON.parse(stdout).command.join(' ')).toContain('exec bash -l');
  });

  it('asks for a usual size where its own terminal was told none', async () => {
    const terminal = { columns: 0, rows: 0 };
    const { stdout } = await run(echo, ['-it', 'i1'], { terminal, stdin: memoryInput([], true) });
    expect(JSON.parse(stdout)).toMatchObject({ terminal: { columns: 100, rows: 30 } });
  });

  it('tells with --json lines and the exit code apart', async () => {
    const split: Exec = async function* () {
      yield started;
      yield said('on');
      yield said('e\ntw', 'stdout');
      yield said('bad\n', 'stderr');
      yield said('o');
      yield exited(0);
    };
    const { code, stdout } = await run(split, ['--json', 'i1', '--', 'x']);
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toEqual([
      { stdout: 'one' },
      { stderr: 'bad' },
      { stdout: 'two' },
      { exitCode: 0 },
    ]);
  });

  it('ends with 128 and the number of the signal that ended the command', async () => {
    const killed: Exec = async function* () {
      yield { event: { $case: 'exit', value: { end: { $case: 'signal', value: 9 } } } };
    };
    expect((await run(killed, ['i1', '--', 'x'])).code).toBe(137);
  });

  it('makes every Ctrl-C a signal for the command, before input that it does not read', async () => {
    const signals = new Set<(signal: number) => void>();
    const takeSignals = (listener: (signal: number) => void) => {
      signals.add(listener);
      return () => signals.delete(listener);
    };
    const unread: Exec = async function* (requests) {
      yield started;
      const told: number[] = [];
      let bytes = 0;
      for await (const { event } of requests) {
        if (event?.$case === 'stdin') bytes += event.value.length;
        if (event?.$case === 'signal') told.push(event.value);
        // As much input as it sends without being told that it was taken.
        if (told.length === 0 ? bytes === EXEC_INPUT_UNTAKEN_BYTES : told.length === 1) {
          for (const signal of signals) signal(2);
        }
        if (told.length === 2) break;
      }
      yield said(`signals ${told}\n`);
      yield { event: { $case: 'stdinTaken', value: BigInt(bytes) } };
      yield exited(3);
    };
    const stdin = { ...memoryInput([]), read: endlessly };
    const { code, stdout } = await run(unread, ['-i', 'i1', '--', 'x'], { takeSignals, stdin });
    expect(stdout).toBe('signals 2,2\n');
    expect(code).toBe(3);
    expect(signals.size).toBe(0);
  });

  it('passes on all of an input that the command takes, and its end', async () => {
    const counting: Exec = async function* (requests) {
      yield started;
      let bytes = 0;
      for await (const { event } of requests) {
        if (event?.$case === 'stdinEnd') break;
        if (event?.$case !== 'stdin') continue;
        bytes += event.value.length;
        yield { event: { $case: 'stdinTaken', value: BigInt(bytes) } };
      }
      yield said(`${bytes}`);
      yield exited(0);
    };
    const stdin = memoryInput(['x'.repeat(1_000_001), 'y'.repeat(70_000)]);
    const { stdout } = await run(counting, ['-i', 'i1', '--', 'x'], { stdin });
    expect(stdout).toBe('1070001');
  });

  it('ends with 130 when it is interrupted before the command runs', async () => {
    const interrupt = new AbortController();
    const never: Exec = async function* (_requests, call) {
      interrupt.abort();
      await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
    };
    expect((await run(never, ['i1', '--', 'x'], { interrupted: interrupt.signal })).code).toBe(130);
  });

  it.each([
    [
      'a refusal',
      async function* (): AsyncGenerator<ExecResponse> {
        yield started;
        throw new StewardError('wrong-state', 'the instance has stopped');
      },
      'the instance has stopped',
    ],
    [
      'an end without an exit',
      async function* (): AsyncGenerator<ExecResponse> {
        yield started;
      },
      'before the command did',
    ],
  ])('ends with 125 after %s, which no command means', async (_what, exec, why) => {
    const { code, stderr } = await run(exec, ['i1', '--', 'x']);
    expect(code).toBe(125);
    expect(stderr).toContain(why);
  });
});

describe('what is sent to a command', () => {
  it('waits for no reader once it has ended', async () => {
    const requests = new ExecRequests({ $case: 'stdinEnd', value: {} });
    const sent = requests.input(Buffer.alloc(EXEC_INPUT_UNTAKEN_BYTES * 2));
    requests.end();
    await sent;
    await requests.endInput();
    requests.signal(2);
    for await (const _ of requests) throw new Error('nothing is left to send');
  });

  it('is of several sizes the last one, and each waiting signal once', async () => {
    const requests = new ExecRequests({ $case: 'stdinEnd', value: {} });
    for (const columns of [80, 90, 100]) requests.resize({ columns, rows: 24 });
    for (const signal of [2, 2, 15]) requests.signal(signal);
    const events: unknown[] = [];
    for await (const { event } of requests) {
      events.push(event?.value);
      if (event?.$case === 'signal' && event.value === 15) requests.end();
    }
    expect(events).toEqual([{}, { columns: 100, rows: 24 }, 2, 15]);
  });
});

async function* endlessly(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(EXEC_INPUT_UNTAKEN_BYTES / 2);
}
