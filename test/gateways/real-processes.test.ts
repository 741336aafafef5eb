import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProcessCommand, RunningProcess } from '../../src/gateways/processes.js';
import { parseProcStat } from '../../src/gateways/real/proc-stat.js';
import { RealProcesses } from '../../src/gateways/real/processes.js';

const processes = new RealProcesses();

describe('RealProcesses', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'steward-processes-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('hands on output, errors and the exit code', async () => {
    const child = shell('cat; echo problem >&2; exit 7', { input: Buffer.from('hello') });
    expect(await finished(child)).toEqual({
      stdout: 'hello',
      stderr: 'problem\n',
      exit: { kind: 'code', code: 7 },
    });
  });

  it('gives exactly the environment asked for', async () => {
    const child = processes.start({ program: 'env', args: [], env: { ONLY: 'this' } });
    expect((await finished(child)).stdout).toBe('ONLY=this\n');
  });

  it('passes secrets through descriptors, and copes with a child that reads none', async () => {
    const secret = Buffer.from('s3cret');
    const reading = shell('cat <&3; cat <&4', { pipes: [secret, Buffer.from('!')] });
    expect((await finished(reading)).stdout).toBe('s3cret!');
    const ignoring = shell('exit 0', { pipes: [Buffer.alloc(4_000_000)] });
    expect((await finished(ignoring)).exit).toEqual({ kind: 'code', code: 0 });
  });

  it('ends with failed when the program is missing', async () => {
    const child = processes.start({ program: 'steward-no-such-program', args: [], env: {} });
    const { exit } = await finished(child);
    expect(exit.kind === 'failed' && exit.error.message).toContain('ENOENT');
    expect(child.pid).toBeUndefined();
  });

  it('ends with failed, without throwing, on arguments no program can be given', async () => {
    const { exit } = await finished(processes.start({ program: 'sh', args: ['a\0b'], env: {} }));
    expect(exit.kind).toBe('failed');
  });

  it('kills the whole group when the signal aborts', async () => {
    const abort = new AbortController();
    const child = shell('sleep 1000 & echo $!; wait', { signal: abort.signal });
    const grandchild = Number(await firstLine(child));
    abort.abort();
    expect((await finished(child)).exit).toEqual({ kind: 'signal', signal: 'SIGKILL' });
    await expect.poll(() => isRunning(grandchild), { timeout: 10_000 }).toBe(false);
  });

  it('starts nothing when the signal has aborted already', async () => {
    const child = shell('echo no', { signal: AbortSignal.abort(new Error('too late')) });
    expect(await finished(child)).toMatchObject({ stdout: '', exit: { kind: 'failed' } });
  });

  it('leaves nobody of the group behind when the leader ends', async () => {
    const { stdout } = await finished(shell('sleep 1000 >/dev/null 2>&1 & echo $!'));
    await expect.poll(() => isRunning(Number(stdout)), { timeout: 10_000 }).toBe(false);
  });

  it('ends although a process that left the group keeps the output open', async () => {
    const { stdout, exit } = await finished(shell('setsid sh -c "sleep 1000" & echo $!; sleep 0.2'));
    expect(exit).toEqual({ kind: 'code', code: 0 });
    process.kill(Number(stdout), 'SIGKILL');
  });

  it('kills a child whose input breaks off, since it would take a part for the whole', async () => {
    async function* broken() {
      yield Buffer.from('part');
      throw new Error('connection lost');
    }
    const { exit } = await finished(shell('cat; sleep 1000', { input: Readable.from(broken()) }));
    expect(exit.kind === 'failed' && exit.error.message).toBe('connection lost');
  });

  it('accepts a child that does not want all of its input', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
    const { exit, stdout } = await finished(shell('head -c 3 | tr "\\0" x', { input: endless }));
    expect({ exit, stdout }).toEqual({ exit: { kind: 'code', code: 0 }, stdout: 'xxx' });
  });

  it('knows a detached process again, signals its group, and knows when it is gone', async () => {
    const logPath = join(folder, 'log');
    const args = ['-c', 'trap "" HUP; echo started; exec sleep 1000'];
    const identity = await processes.startDetached({ program: 'sh', args, env: {}, cwd: folder, logPath });
    await expect.poll(() => readFile(logPath, 'utf8')).toBe('started\n');
    expect(await processes.isAlive(identity)).toBe(true);
    expect(await processes.isAlive({ ...identity, startTicks: identity.startTicks + 1 })).toBe(false);
    expect(await processes.isAlive({ ...identity, bootId: 'another boot' })).toBe(false);
    expect(await processes.signalGroup({ ...identity, startTicks: identity.startTicks + 1 }, 'SIGKILL')).toBe(
      false,
    );
    expect(await processes.signalGroup(identity, 'SIGKILL')).toBe(true);
    await expect.poll(() => processes.isAlive(identity)).toBe(false);
    expect(await processes.signalGroup(identity, 'SIGKILL')).toBe(false);
  });

  it('reaches the rest of a detached group after its leader has ended', async () => {
    const logPath = join(folder, 'log');
    const args = ['-c', 'sleep 1000 & echo $!'];
    const identity = await processes.startDetached({ program: 'sh', args, env: {}, cwd: folder, logPath });
    await expect.poll(() => processes.isAlive(identity)).toBe(false);
    const member = Number(await readFile(logPath, 'utf8'));
    expect(await processes.signalGroup(identity, 'SIGKILL')).toBe(true);
    await expect.poll(() => isRunning(member)).toBe(false);
  });

  it('says why a detached program cannot be started', async () => {
    const command = { program: '/no/such', args: [], env: {}, cwd: folder, logPath: join(folder, 'log') };
    await expect(processes.startDetached(command)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('hands the output of a detached program to a logger of its own, until its last writer has ended', async () => {
    const logger = { program: 'sh', args: ['-c', 'cat >log; : >over'], env: {}, cwd: folder };
    const args = ['-c', 'echo one; echo two >/dev/stderr; echo three >/dev/stdout; (sleep 0.1; echo four) &'];
    const logPath = join(folder, 'pipe');
    await processes.startDetached({ program: 'sh', args, env: {}, cwd: folder, logPath, logger });
    await expect.poll(() => readFile(join(folder, 'over'), 'utf8').catch(() => 'no')).toBe('');
    expect(await readFile(join(folder, 'log'), 'utf8')).toBe('one\ntwo\nthree\nfour\n');
    expect(await readdir(folder)).toEqual(['log', 'over']);
  });

  it('holds a detached program back until it may go on, for ever when that fails', async () => {
    const logPath = join(folder, 'log');
    const args = ['-c', 'read -r line || exit 9; echo went'];
    const start = (hold: (pid: number) => Promise<void>) =>
      processes.startDetached({ program: 'sh', args, env: {}, cwd: folder, logPath, hold });
    let before = 'not called';
    await start(async (pid) => {
      before = `${await isRunning(pid)} ${await readFile(logPath, 'utf8')}`;
    });
    expect(before).toBe('true ');
    await expect.poll(() => readFile(logPath, 'utf8')).toBe('went\n');
    let held = 0;
    await expect(
      start(async (pid) => {
        held = pid;
        throw new Error('no place');
      }),
    ).rejects.toThrow('no place');
    await expect.poll(() => isRunning(held)).toBe(false);
    expect(await readFile(logPath, 'utf8')).toBe('went\n');
  });

  it('signals one process of a group and leaves the others', async () => {
    const logPath = join(folder, 'log');
    const args = ['-c', 'sleep 1000 & echo $!; wait; echo waited; exec sleep 1000'];
    const leader = await processes.startDetached({ program: 'sh', args, env: {}, cwd: folder, logPath });
    await expect.poll(() => readFile(logPath, 'utf8')).toMatch(/\d\n/);
    const stat = parseProcStat(
      await readFile(`/proc/${Number(await readFile(logPath, 'utf8'))}/stat`, 'utf8'),
    );
    const member = {
      ...leader,
      pid: Number(await readFile(logPath, 'utf8')),
      startTicks: stat?.startTicks ?? 0,
    };
    expect(await processes.signalProcess({ ...member, startTicks: 1 }, 'SIGKILL')).toBe(false);
    expect(await processes.signalProcess(member, 'SIGKILL')).toBe(true);
    await expect.poll(() => readFile(logPath, 'utf8')).toContain('waited');
    expect(await processes.isAlive(leader)).toBe(true);
    await processes.signalGroup(leader, 'SIGKILL');
  });

  it('finds programs on the PATH', async () => {
    expect(await processes.find('sh')).toMatch(/\/sh$/);
    expect(await processes.find('steward-no-such-program')).toBeUndefined();
  });
});

describe('parseProcStat', () => {
  it('reads past a program name with blanks and parentheses', () => {
    const rest = `S 1 42 43 34816 44 ${'0 '.repeat(13)}987654 0`;
    expect(parseProcStat(`12 (a) b (c)) ${rest}`)).toEqual({
      state: 'S',
      group: 42,
      session: 43,
      foreground: 44,
      startTicks: 987654,
    });
    expect(parseProcStat('12 (cut')).toBeUndefined();
  });
});

function shell(script: string, options: Partial<ProcessCommand> = {}): RunningProcess {
  return processes.start({ program: 'sh', args: ['-c', script], env: {}, ...options });
}

async function finished(child: RunningProcess) {
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), child.exit]);
  return { stdout, stderr, exit };
}

async function firstLine(child: RunningProcess): Promise<string> {
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) return String(chunk).trim();
  throw new Error('no output');
}

async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && parseProcStat(stat)?.state !== 'Z';
}
