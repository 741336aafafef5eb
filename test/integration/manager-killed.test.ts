import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realWorld } from '../../src/gateways/real/world.js';
import { ContentServiceService } from '../../src/gen/steward/v1/content_service.js';
import { type ExecRequest, ExecStart, RuntimeServiceService } from '../../src/gen/steward/v1/runtime.js';
import {
  StopWorkspacePolicy,
  WorkspaceConditionBool,
  WorkspaceManagerService,
  WorkspacePhase,
  type WorkspaceStatus,
} from '../../src/gen/ws-manager-api/core.js';
import { type Channel, createChannel } from '../../src/grpc/channel.js';
import { createClient } from '../../src/grpc/client.js';
import { startRequest } from '../manager/rig.js';
import { isAlive } from '../runtime/local/support.js';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const { RUNNING, STOPPING, STOPPED } = WorkspacePhase;
const { clock } = realWorld();
let folder = '';
let daemon: Program;
let manager: Program;
let channel: Channel;

/** One program as users run it, that can be killed alone. */
class Program {
  readonly #verb: string;
  #child: ChildProcess | undefined;

  constructor(verb: 'daemon' | 'manager') {
    this.#verb = verb;
  }

  async start(): Promise<void> {
    const args = ['--import', 'tsx', MAIN, '--json', '--state', folder, this.#verb, '--log-level', 'error'];
    args.push('--config', join(folder, `${this.#verb}.json`));
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    for await (const line of createInterface({ input: child.stdout })) {
      expect(JSON.parse(line)).toMatchObject({ ready: true, program: this.#verb });
      child.stdout.resume();
      return;
    }
    throw new Error(`${this.#verb} ended`);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child?.kill(signal);
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-killed-'));
  await chmod(folder, 0o711);
  await configure('daemon', {});
  await configure('manager', { daemonAddress: address('daemon') });
  daemon = new Program('daemon');
  manager = new Program('manager');
  await Promise.all([daemon.start(), manager.start()]);
  channel = createChannel(address('manager'), { clock });
});
afterAll(async () => {
  for (const { id, phase } of (await client().getWorkspaces({ mustMatch: undefined })).status) {
    if (phase === STOPPED) continue;
    await client().stopWorkspace({ id, policy: StopWorkspacePolicy.ABORT });
    await until(id, (status) => status.phase === STOPPED);
  }
  channel.close();
  await Promise.all([manager.end('SIGTERM'), daemon.end('SIGTERM')]);
  await rm(folder, { recursive: true, force: true });
});

/** Nothing of it is outside of the folder. */
function configure(program: string, more: object): Promise<void> {
  const config = { listen: [address(program)], secretsFolder: join(folder, `${program}-secrets`), ...more };
  return writeFile(join(folder, `${program}.json`), JSON.stringify(config));
}

function address(program: string): string {
  return `unix:${join(folder, `${program}.sock`)}`;
}

function client() {
  return createClient(WorkspaceManagerService, channel);
}

async function start(id: string, script: string): Promise<void> {
  const annotations = { 'steward.dev/command': JSON.stringify(['/bin/sh', '-c', script]) };
  await client().startWorkspace(startRequest({ id, metadata: { metaId: id, annotations } }));
}

/** The first status of the stream that is as wanted. */
async function until(id: string, isWanted: (status: WorkspaceStatus) => boolean): Promise<WorkspaceStatus> {
  for await (const { status } of client().subscribe({ mustMatch: undefined }, { timeoutMs: 60_000 })) {
    if (status?.id === id && isWanted(status)) return status;
  }
  throw new Error('the stream ended');
}

function pathIn(id: string, name: string): string {
  return join(folder, 'daemon', 'workspaces', id, name);
}

async function contentOf(id: string, name: string): Promise<string> {
  return (await readFile(pathIn(id, name), 'utf8').catch(() => '')).trim();
}

/** Resolves when the workspace has counted on. */
async function countsOn(id: string): Promise<void> {
  const before = Number(await contentOf(id, 'count'));
  await expect
    .poll(async () => Number(await contentOf(id, 'count')), { timeout: 30_000 })
    .toBeGreaterThan(before);
}

/** Runs a command for somebody who waits for its end, and answers with its process. */
async function exec(id: string): Promise<string> {
  const command = ['/bin/sh', '-c', 'echo $$ > exec; sleep 1000'];
  const terminal = { columns: 80, rows: 24 };
  const start = ExecStart.fromPartial({ instanceId: id, command, terminal });
  async function* requests(): AsyncGenerator<ExecRequest> {
    yield { event: { $case: 'start', value: start } };
    await new Promise(() => undefined);
  }
  const answers = createClient(RuntimeServiceService, channel).exec(requests());
  answers.started.catch(() => undefined);
  await expect.poll(() => contentOf(id, 'exec'), { timeout: 30_000 }).not.toBe('');
  return contentOf(id, 'exec');
}

const COUNT =
  'echo $$ > pid; i=0; while :; do i=$((i+1)); echo $i > count.new; mv count.new count; sleep 0.02; done';

test('a manager that is killed alone takes nothing with it, and knows everything again', async () => {
  await start('counts', COUNT);
  await start('ends', 'while [ ! -e go ]; do sleep 0.02; done; exit 7');
  const running = await until('counts', ({ phase }) => phase === RUNNING);
  await until('ends', ({ phase }) => phase === RUNNING);
  await countsOn('counts');
  await client().markActive({ id: 'counts', closed: false, ignoreIfActive: false });
  await client().setTimeout({ id: 'counts', duration: '77m', type: 0 });
  const before = await client().describeWorkspace({ id: 'counts' });
  const pid = await contentOf('counts', 'pid');
  const run = await exec('ends');

  await manager.end('SIGKILL');
  await countsOn('counts');
  // Nobody could end that any more.
  await expect.poll(() => isAlive(run), { timeout: 30_000 }).toBe(false);
  await writeFile(pathIn('ends', 'go'), '');
  await countsOn('counts');
  await manager.start();

  const after = await client().describeWorkspace({ id: 'counts' });
  expect(after).toEqual(before);
  expect(after.status?.statusVersion).toBeGreaterThan(running.statusVersion);
  expect(after.lastActivity).not.toBe('');
  await countsOn('counts');
  expect(await contentOf('counts', 'pid')).toBe(pid);
  const { conditions } = await until('ends', ({ phase }) => phase === STOPPED);
  expect(conditions?.failed).toContain('exit code 7');
  expect(conditions?.finalBackupComplete).toBe(WorkspaceConditionBool.TRUE);
});

test('a daemon that is killed alone takes nothing with it, and what was asked meanwhile is done', async () => {
  await daemon.end('SIGKILL');
  await countsOn('counts');
  expect((await client().describeWorkspace({ id: 'counts' })).status?.phase).toBe(RUNNING);
  await client().stopWorkspace({ id: 'counts', policy: StopWorkspacePolicy.IMMEDIATELY });
  await start('late', COUNT);
  expect((await client().describeWorkspace({ id: 'counts' })).status?.phase).toBe(STOPPING);

  await manager.end('SIGKILL');
  await Promise.all([daemon.start(), manager.start()]);
  const { conditions } = await until('counts', ({ phase }) => phase === STOPPED);
  expect(conditions).toMatchObject({ failed: '', finalBackupComplete: WorkspaceConditionBool.TRUE });
  await until('late', ({ phase }) => phase === RUNNING);
  await countsOn('late');
});

test('a daemon that hangs keeps nobody from learning what the manager knows', async () => {
  await until('late', ({ phase }) => phase === RUNNING);
  const steward = createClient(ContentServiceService, channel);
  daemon.signal('SIGSTOP');
  try {
    const [why, history] = await Promise.all([
      steward.explain({ instanceId: 'late' }),
      steward.getHistory({ instanceId: 'late', limit: 0 }),
    ]);
    expect(why.explanation).toMatch(/^late is running, .*the daemon of its node does not answer/);
    expect(history.truncated).toBe(true);
    expect(history.transitions.at(-1)).toMatchObject({ node: 'manager', to: 'running' });
  } finally {
    daemon.signal('SIGCONT');
  }
});

test('manager, daemon and command killed together: the content is saved, and what happened is told', async () => {
  await start('all', COUNT);
  await start('beside', COUNT);
  const before = await until('all', ({ phase }) => phase === RUNNING);
  await until('beside', ({ phase }) => phase === RUNNING);
  await countsOn('all');
  await countsOn('beside');
  const [pid, beside] = [await contentOf('all', 'pid'), await contentOf('beside', 'pid')];
  process.kill(Number(pid), 'SIGKILL');
  await Promise.all([manager.end('SIGKILL'), daemon.end('SIGKILL')]);
  await countsOn('beside');

  await Promise.all([daemon.start(), manager.start()]);
  const after = await until('all', ({ phase }) => phase === STOPPED);
  expect(after.conditions?.failed).toMatch(/signal 9|without an exit code/);
  expect(after.conditions?.finalBackupComplete).toBe(WorkspaceConditionBool.TRUE);
  expect(after.statusVersion).toBeGreaterThan(before.statusVersion);
  expect(after.auth?.ownerToken).toBe(before.auth?.ownerToken);
  // What was killed beside it lives on, the same process.
  expect((await client().describeWorkspace({ id: 'beside' })).status?.phase).toBe(RUNNING);
  await countsOn('beside');
  expect(await contentOf('beside', 'pid')).toBe(beside);
});
