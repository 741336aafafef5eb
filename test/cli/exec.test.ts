import { describe, expect, it } from 'vitest';
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

  it('makes Ctrl-C a signal for the command', async () => {
    const interrupt = new AbortController();
    const waiting: Exec = async function* (requests, call) {
      yield said('waiting\n');
      interrupt.abort();
      yield* echo(requests, call);
    };
    const stdin = { ...memoryInput([]), read: forever };
    const { code, stdout } = await run(waiting, ['-i', 'i1', '--', 'x'], {
      interrupted: interrupt.signal,
      stdin,
    });
    expect(stdout).toMatch(/signal 2\n$/);
    expect(code).toBe(3);
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
    const requests = new ExecRequests();
    const sent = requests.send({ $case: 'stdinEnd', value: {} });
    requests.end();
    await sent;
    await requests.send({ $case: 'stdinEnd', value: {} });
    for await (const _ of requests) throw new Error('nothing is left to send');
  });
});

async function* forever(): AsyncGenerator<Uint8Array> {
  yield await new Promise<Uint8Array>(() => {});
}
