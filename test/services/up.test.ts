import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Redis as Client } from 'ioredis';
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { INSTANCE_CHANNEL } from '../../src/bridge/channels.js';
import { newDatabase } from '../support/mariadb.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { rowsIn } from './support/rows.js';

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const patience = { timeout: 40_000, interval: 100 };

function steward(state: string, ...args: string[]): ChildProcess {
  const env = { ...process.env, STEWARD_STATE: state };
  return spawn(process.execPath, ['--import', 'tsx', CLI, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function answerOf(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += String(chunk);
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`it ended with ${code}`);
  return text;
}

it('steward up runs the whole system on MariaDB and Redis', async () => {
  const state = await temporaryFolder();
  // Workspaces run as a user of their own.
  await chmod(state, 0o755);
  const { url, drop } = await newDatabase({ url: inject('mysqlUrl') });
  onTestFinished(drop);
  const messages: string[] = [];
  const redis = new Client(inject('redisUrl'));
  onTestFinished(() => redis.disconnect());
  redis.on('message', (_, text: string) => messages.push(text));
  await redis.subscribe(INSTANCE_CHANNEL);

  const system = steward(
    state,
    'up',
    '--database',
    url,
    '--redis',
    inject('redisUrl'),
    '--log-level',
    'error',
  );
  onTestFinished(() => {
    system.kill('SIGKILL');
  });
  const [ready] = await once(system.stdout ?? system, 'data');
  expect(String(ready)).toContain('READY=1');

  const started = JSON.parse(await answerOf(steward(state, 'start', '--empty', '--json')));
  const instance: string = started.instance ?? started.instanceId ?? started.id;
  await vi.waitFor(async () => {
    const row = (await rowsIn(url)).find(({ id }) => id === instance);
    expect(row).toMatchObject({ phasePersisted: 'running' });
  }, patience);
  await answerOf(steward(state, 'stop', instance, '--wait'));
  await vi.waitFor(async () => {
    const row = (await rowsIn(url)).find(({ id }) => id === instance);
    expect(row?.phasePersisted).toBe('stopped');
    expect([row?.startedTime, row?.stoppingTime, row?.stoppedTime]).not.toContain('');
    expect(messages.some((text) => JSON.parse(text).instanceID === instance)).toBe(true);
  }, patience);

  system.kill('SIGTERM');
  expect((await once(system, 'exit'))[0]).toBe(0);
});
