import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { realWorld } from '../../src/gateways/real/world.js';
import {
  type ExecRequest,
  type ExecResponse,
  ExecStart,
  RuntimeServiceService,
} from '../../src/gen/steward/v1/runtime.js';
import {
  EnvironmentVariable,
  WorkspaceManagerService,
  WorkspacePhase,
} from '../../src/gen/ws-manager-api/core.js';
import { createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { startRequest } from '../manager/rig.js';
import { isAlive } from '../runtime/local/support.js';
import { ManagerPlace } from './support/manager-place.js';

let place: ManagerPlace;

beforeAll(async () => {
  place = await ManagerPlace.make();
  const command = JSON.stringify(['/bin/sh', '-c', 'echo begin; exec sleep 1000']);
  const envvars = [EnvironmentVariable.fromPartial({ name: 'COLOUR', value: 'blue' })];
  const metadata = { annotations: { 'steward.dev/command': command } };
  await place.manager.startWorkspace(startRequest({ metadata, spec: { envvars } }));
  await place.until(({ phase }) => phase === WorkspacePhase.RUNNING);
});

afterAll(() => place.clear());

type Event = NonNullable<ExecRequest['event']>;

/** One call of Exec, with what is sent as it comes. */
class Call {
  readonly #sent = new PassThrough({ objectMode: true });
  readonly #abort = new AbortController();
  readonly #answers: AsyncIterator<ExecResponse>;
  /** Bytes of the input that the command has, as it was told last. */
  taken = 0;

  constructor(...first: Event[]) {
    const options = { signal: this.#abort.signal, timeoutMs: 30_000 };
    this.#answers = place.runtime.exec(this.#sent, options)[Symbol.asyncIterator]();
    for (const event of first) this.send(event);
  }

  send(event: Event): void {
    this.#sent.write({ event });
  }

  type(text: string): void {
    this.send({ $case: 'stdin', value: Buffer.from(text) });
  }

  /** No more requests. */
  halfClose(): void {
    this.#sent.end();
  }

  /** The caller is gone. */
  goAway(): void {
    this.#abort.abort();
  }

  async until(text: string): Promise<string> {
    let said = '';
    while (!said.includes(text)) {
      const next = await this.#answers.next();
      if (next.done === true) throw new Error(`ended after ${JSON.stringify(said)}`);
      said += textOf(next.value);
    }
    return said;
  }

  /** All that still comes, and how it ends. */
  async rest(): Promise<{ said: string; end: unknown }> {
    let said = '';
    for (;;) {
      const next = await this.#answers.next();
      if (next.done === true) throw new Error('ended without an exit');
      if (next.value.event?.$case === 'exit') return { said, end: next.value.event.value.end };
      if (next.value.event?.$case === 'stdinTaken') this.taken = Number(next.value.event.value);
      said += textOf(next.value);
    }
  }
}

function textOf({ event }: ExecResponse): string {
  return event?.$case === 'stdout' || event?.$case === 'stderr' ? event.value.toString() : '';
}

function shell(script: string, more: Partial<ExecStart> = {}): Event {
  const command = ['/bin/sh', '-c', script];
  const value = ExecStart.fromPartial({ instanceId: 'instance-1', command, ...more });
  return { $case: 'start', value };
}

describe('a command run over the wire', () => {
  test('has the environment of the instance and more, reads to the half-close, and tells its end', async () => {
    const call = new Call(shell('echo $COLOUR $ADDED; cat; exit 3', { environment: { ADDED: 'too' } }));
    call.type('typed\n');
    call.halfClose();
    const { said, end } = await call.rest();
    expect(said).toBe('blue too\ntyped\n');
    expect(end).toEqual({ $case: 'code', value: 3 });
  });

  test('is told the end of its input while the caller may still send signals', async () => {
    const call = new Call(
      shell('trap "echo told; exit 0" USR1; cat; echo read; while :; do sleep 0.01; done'),
    );
    call.send({ $case: 'stdinEnd', value: {} });
    await call.until('read');
    call.send({ $case: 'signal', value: 10 });
    // The shell may be told of a sleep that the signal ended, too.
    const { said, end } = await call.rest();
    expect(said).toContain('told\n');
    expect(end).toEqual({ $case: 'code', value: 0 });
  });

  test('is signalled although it does not read what is typed', async () => {
    const call = new Call(shell('trap "echo told; exit 4" INT; echo up; while :; do sleep 0.01; done'));
    await call.until('up');
    for (let pieces = 0; pieces < 8; pieces += 1) call.type('x'.repeat(64 * 1024));
    call.send({ $case: 'signal', value: 2 });
    const { said, end } = await call.rest();
    expect(said).toContain('told');
    expect(end).toEqual({ $case: 'code', value: 4 });
  });

  test('tells how much of its input it has taken', async () => {
    const call = new Call(shell('head -c 300000 | wc -c'));
    for (let pieces = 0; pieces < 5; pieces += 1) call.type('x'.repeat(60_000));
    const { said } = await call.rest();
    expect(said.trim()).toBe('300000');
    expect(call.taken).toBeGreaterThan(200_000);
    expect(call.taken).toBeLessThanOrEqual(300_000);
  });

  test('in a terminal knows its size, and that it changed', async () => {
    const terminal = { columns: 100, rows: 20 };
    const call = new Call(
      shell('stty size; trap "stty size | grep 132 && exit 5" WINCH; echo up; while :; do sleep 0.01; done', {
        terminal,
      }),
    );
    expect(await call.until('up')).toContain('20 100');
    call.send({ $case: 'resize', value: { columns: 132, rows: 43 } });
    const { said, end } = await call.rest();
    expect(said).toContain('43 132');
    expect(end).toEqual({ $case: 'code', value: 5 });
  });

  test.each([
    ['without a terminal', undefined],
    ['with a terminal', { columns: 80, rows: 24 }],
  ])('%s ends with all it started when its caller goes away', async (_, terminal) => {
    const call = new Call(shell('trap "" HUP; sleep 1000 & echo $! $$ over; wait', { terminal }));
    const [, child = '', self = ''] = /(\d+) (\d+) over/.exec(await call.until('over')) ?? [];
    call.goAway();
    await expect.poll(() => isAlive(child) || isAlive(self), { timeout: 20_000 }).toBe(false);
  });

  test('counts as activity of the instance', async () => {
    expect(await new Call(shell('true')).rest()).toMatchObject({ end: { value: 0 } });
    await expect
      .poll(async () => (await place.manager.describeWorkspace({ id: 'instance-1' })).lastActivity)
      .toMatch(/^20/);
  });
});

describe('a request that cannot be served', () => {
  const TOO_MANY = Object.fromEntries(Array.from({ length: 2_049 }, (_, index) => [`V${index}`, '']));
  test.each<[string, string, Event[]]>([
    ['no start', 'invalid-argument', [{ $case: 'stdinEnd', value: {} }]],
    ['no instance', 'invalid-argument', [shell('true', { instanceId: '' })]],
    ['an unknown instance', 'unknown-instance', [shell('true', { instanceId: 'instance-9' })]],
    ['no command', 'invalid-argument', [shell('', { command: [] })]],
    ['an empty program', 'invalid-argument', [shell('', { command: [''] })]],
    ['NUL in the command', 'invalid-argument', [shell('', { command: ['sh', 'a\0b'] })]],
    ['too many words', 'invalid-argument', [shell('', { command: Array<string>(1_025).fill('x') })]],
    ['a huge word', 'invalid-argument', [shell('', { command: ['echo', 'x'.repeat(200_000)] })]],
    ['a variable with "="', 'invalid-argument', [shell('true', { environment: { 'A=B': '' } })]],
    ['a variable without a name', 'invalid-argument', [shell('true', { environment: { '': 'x' } })]],
    ['a variable with NUL', 'invalid-argument', [shell('true', { environment: { A: 'a\0b' } })]],
    ['too many variables', 'invalid-argument', [shell('true', { environment: TOO_MANY })]],
    ['a huge variable', 'invalid-argument', [shell('true', { environment: { A: 'x'.repeat(200_000) } })]],
    ['a relative folder', 'invalid-argument', [shell('true', { workingDirectory: 'here' })]],
    ['no rows', 'invalid-argument', [shell('true', { terminal: { columns: 80, rows: 0 } })]],
    ['a giant terminal', 'invalid-argument', [shell('true', { terminal: { columns: 65_536, rows: 1 } })]],
    ['a second start', 'invalid-argument', [shell('cat'), shell('cat')]],
    ['an unknown signal', 'invalid-argument', [shell('cat'), { $case: 'signal', value: 99 }]],
    ['a bad resize', 'invalid-argument', [shell('cat'), { $case: 'resize', value: { columns: 0, rows: 0 } }]],
  ])('%s is %s, and the next one works', async (_, code, events) => {
    await expect(new Call(...events).rest()).rejects.toMatchObject({ code });
    expect(await new Call(shell('echo fine')).rest()).toMatchObject({ said: 'fine\n' });
  });

  test('nothing at all is invalid-argument', async () => {
    const call = new Call();
    call.halfClose();
    await expect(call.rest()).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('a caller on TCP who shows no certificate', () => {
  test('is told about instances, and gets no shell in them', async () => {
    const channel = createChannel(place.openAddress, { clock: realWorld().clock });
    onTestFinished(() => channel.close());
    const { status } = await createClient(WorkspaceManagerService, channel).getWorkspaces({
      mustMatch: undefined,
    });
    expect(status).toHaveLength(1);
    const requests = async function* () {
      yield { event: shell('true') };
    };
    const answers = createClient(RuntimeServiceService, channel).exec(requests());
    const refused = { code: 'caller-unknown', message: expect.stringContaining('tls.ca') };
    await expect(answers[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
  });
});

describe('the log over the wire', () => {
  test('goes on from the byte that was asked for', async () => {
    const pieces = [];
    const answers = place.runtime.logs({
      instanceId: 'instance-1',
      follow: false,
      tailLines: undefined,
      offset: 2n,
    });
    for await (const piece of answers) pieces.push(piece);
    expect(pieces).toEqual([{ data: Buffer.from('gin\n'), offset: 2n, skippedBytes: undefined }]);
  });

  test.each([-1n, 2n ** 60n])('from byte %i on is refused', async (offset) => {
    const answers = place.runtime.logs({
      instanceId: 'instance-1',
      follow: false,
      tailLines: undefined,
      offset,
    });
    await expect(answers[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
