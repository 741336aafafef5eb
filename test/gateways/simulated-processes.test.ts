import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../src/gateways/clock.js';
import type { RunningProcess } from '../../src/gateways/processes.js';
import type { ProcessFault } from '../../src/gateways/simulated/process-faults.js';
import type { SimulatedProgram } from '../../src/gateways/simulated/program.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';

const programs: Record<string, SimulatedProgram> = {
  shout: async ({ args, stdin, stdout, stderr }) => {
    stdout.write((await text(stdin)).toUpperCase());
    stderr.write(args.join(' '));
    return 3;
  },
  wait: async ({ clock, signal, files, stdout }) => {
    stdout.write('waiting');
    await sleep(clock, 60_000, signal);
    await files.write('/waited', 'yes');
    return 0;
  },
};

describe('SimulatedProcesses', () => {
  it('run functions with input, output, arguments and exit code', async () => {
    const { processes } = SimulatedWorld.fromSeed(1, programs);
    const child = processes.start({ program: 'shout', args: ['a', 'b'], env: {}, input: Buffer.from('hi') });
    expect(await finished(child)).toEqual({ stdout: 'HI', stderr: 'a b', exit: { kind: 'code', code: 3 } });
    expect(processes.running).toBe(0);
  });

  it('know no other programs', async () => {
    const { processes } = SimulatedWorld.fromSeed(1, programs);
    const { exit } = await finished(processes.start({ program: 'other', args: [], env: {} }));
    expect(exit.kind).toBe('failed');
    expect(await processes.find('other')).toBeUndefined();
    expect(await processes.find('shout')).toBe('/usr/bin/shout');
  });

  it('end when they are killed, by signal or by an abort', async () => {
    const { processes } = SimulatedWorld.fromSeed(1, programs);
    const abort = new AbortController();
    const [one, two] = [
      processes.start({ program: 'wait', args: [], env: {}, signal: abort.signal }),
      processes.start({ program: 'wait', args: [], env: {} }),
    ];
    expect(processes.running).toBe(2);
    abort.abort();
    two.kill('SIGTERM');
    expect((await finished(one)).exit).toEqual({ kind: 'signal', signal: 'SIGKILL' });
    expect((await finished(two)).exit).toEqual({ kind: 'signal', signal: 'SIGTERM' });
    expect(processes.running).toBe(0);
  });

  it('write nothing any more once they are dead, whatever they were doing', async () => {
    const { time, processes, files } = SimulatedWorld.fromSeed(1, programs);
    processes.faults = { at: () => ({ kind: 'dies', afterMs: 60_500 }) };
    files.faults = { at: () => ({ latencyMs: 1_000 }) };
    const child = processes.start({ program: 'wait', args: [], env: {} });
    await time.advance(100_000);
    expect((await finished(child)).exit).toEqual({ kind: 'signal', signal: 'SIGKILL' });
    files.faults = { at: () => undefined };
    expect(await files.stat('/waited')).toBeUndefined();
  });

  it('fail when their input breaks off, as the real ones do', async () => {
    const { processes } = SimulatedWorld.fromSeed(1, programs);
    async function* broken() {
      yield 'part';
      throw new Error('connection lost');
    }
    const child = processes.start({ program: 'shout', args: [], env: {}, input: Readable.from(broken()) });
    const { exit } = await finished(child);
    expect(exit.kind === 'failed' && exit.error.message).toBe('connection lost');
  });

  it.each<[ProcessFault, object]>([
    [{ kind: 'cannot-start' }, { exit: { kind: 'failed' } }],
    [
      { kind: 'dies', afterMs: 10 },
      { stdout: 'waiting', exit: { kind: 'signal', signal: 'SIGKILL' } },
    ],
    [
      { kind: 'garbage', output: '%&', code: 0 },
      { stdout: '%&', exit: { kind: 'code', code: 0 } },
    ],
    [
      { kind: 'slow', latencyMs: 500 },
      { stdout: 'waiting', exit: { kind: 'code', code: 0 } },
    ],
  ])('go wrong as asked: %j', async (fault, expected) => {
    const { processes, time } = SimulatedWorld.fromSeed(1, programs);
    processes.faults = { at: () => fault };
    const result = finished(processes.start({ program: 'wait', args: [], env: {} }));
    expect(await time.runUntilSettled(result, 100_000)).toMatchObject(expected);
  });

  it('hang until they are killed', async () => {
    const { processes, time } = SimulatedWorld.fromSeed(1, programs);
    processes.faults = { at: () => ({ kind: 'hangs' }) };
    const child = processes.start({ program: 'shout', args: [], env: {} });
    await time.advance(1_000_000);
    expect(processes.running).toBe(1);
    child.kill('SIGKILL');
    expect((await finished(child)).exit).toEqual({ kind: 'signal', signal: 'SIGKILL' });
  });

  it('live on when detached and only our program is killed, and end at a power cut', async () => {
    const first = SimulatedWorld.fromSeed(1, programs);
    const command = { program: 'wait', args: [], env: {}, cwd: '/', logPath: '/log' };
    const identity = await first.processes.startDetached(command);
    const second = first.kill();
    await second.time.advance(30_000);
    expect(await second.processes.isAlive(identity)).toBe(true);
    expect(String(await second.files.read('/log', 100))).toBe('waiting');
    await second.time.advance(30_000);
    expect(await second.processes.isAlive(identity)).toBe(false);
    expect(String(await second.files.read('/waited', 100))).toBe('yes');
    const again = await second.processes.startDetached(command);
    const third = second.cutPower();
    expect(await third.processes.isAlive(again)).toBe(false);
    expect(await third.processes.signalGroup(again, 'SIGKILL')).toBe(false);
  });

  it('end with our program when they are its children, and its timers never fire again', async () => {
    const first = SimulatedWorld.fromSeed(1, programs);
    const child = first.processes.start({ program: 'wait', args: [], env: {} });
    first.clock.schedule(first.clock.now() + 10, () => expect.unreachable());
    const second = first.kill();
    expect((await child.exit).kind).toBe('signal');
    expect(second.processes.running).toBe(0);
    await second.time.advance(1_000);
    expect(first.clock.pending).toBe(0);
  });

  it('give the same story for the same seed', () => {
    const story = (seed: number) => {
      const first = SimulatedWorld.fromSeed(seed);
      const second = first.cutPower();
      return [first.random.uuid(), second.random.uuid(), second.kill().random.uuid()];
    };
    expect(story(5)).toEqual(story(5));
    expect(story(5)).not.toEqual(story(6));
  });
});

async function finished(child: RunningProcess) {
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), child.exit]);
  return { stdout, stderr, exit };
}
