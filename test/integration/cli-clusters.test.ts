import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { insertCluster } from '../../src/bridge/clusters/cluster-rows.js';
import { bridgeConfigSchema } from '../../src/bridge/config.js';
import { clusterNamed } from '../bridge/support/clusters.js';
import { insertInstance } from '../bridge/support/instances.js';
import { plainManager, securedManager } from '../bridge/support/managers.js';
import { statusOf } from '../bridge/support/statuses.js';
import { steward } from '../cli/support/memory-cli.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { startedBridge } from './support/bridge-place.js';

const patience = { timeout: 20_000, interval: 20 };

async function place() {
  const { address, database } = await startedBridge();
  const run = (...args: string[]) => steward(['--address', address, ...args]);
  const list = async () => {
    const { stdout } = await run('cluster', 'list', '--json');
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line): Record<string, unknown> => JSON.parse(line));
  };
  return { run, list, database, address };
}

describe('steward cluster', () => {
  it('registers, lists, changes, drains and removes', async () => {
    const { manager, tls } = await securedManager();
    const { run, list, database } = await place();
    expect(await run('cluster', 'list')).toMatchObject({ code: 0, stdout: '' });
    const folder = await temporaryFolder();
    const file = async (name: string, base64: string) => {
      await writeFile(join(folder, name), Buffer.from(base64, 'base64'));
      return join(folder, name);
    };
    const credentials = [
      ...['--manager-ca', await file('ca.pem', tls.ca)],
      ...['--manager-cert', await file('crt.pem', tls.crt)],
      ...['--manager-key', await file('key.pem', tls.key)],
    ];
    const register = ['cluster', 'register', 'eu-1', '--url', manager.address, ...credentials];
    expect(
      await run(...register, '--region', 'europe', '--prefer', 'first', '--permission', 'developer'),
    ).toMatchObject({ code: 0, stderr: '' });
    expect(await run(...register)).toMatchObject({ code: 4, stderr: expect.stringContaining('already') });
    await vi.waitFor(
      async () =>
        expect(await list()).toMatchObject([
          {
            name: 'eu-1',
            state: 'available',
            score: 100,
            region: 'europe',
            static: false,
            connected: true,
            admissionConstraints: ['has-permission:developer'],
          },
        ]),
      patience,
    );

    const change = ['--score', '5', '--max-score', '50', '--remove-permission', 'developer'];
    expect((await run('cluster', 'update', 'eu-1', ...change, '--add-feature-preview')).code).toBe(0);
    expect((await run('cluster', 'cordon', 'eu-1')).stdout).toContain('no new workspaces');
    expect(await list()).toMatchObject([
      { score: 5, maxScore: 50, state: 'cordoned', admissionConstraints: ['has-feature-preview'] },
    ]);
    await run('cluster', 'uncordon', 'eu-1');
    expect(await list()).toMatchObject([{ state: 'available' }]);

    await insertInstance(database, { id: 'i-1', region: 'eu-1', phase: 'pending' });
    expect((await run('cluster', 'drain', 'eu-1', '--dry-run')).stdout).toContain('would be drained');
    expect(await list()).toMatchObject([{ state: 'available' }]);
    const waiting = run('cluster', 'drain', 'eu-1', '--wait', '--json');
    await vi.waitFor(async () => expect(await list()).toMatchObject([{ state: 'draining' }]), patience);
    manager.set(statusOf({ id: 'i-1', version: 1n, phase: 'stopped' }));
    expect(JSON.parse((await waiting).stdout)).toMatchObject({ cluster: 'eu-1', instances: [] });

    await insertInstance(database, { id: 'i-2', region: 'eu-1', phase: 'pending' });
    const dry = await run('cluster', 'deregister', 'eu-1', '--dry-run');
    expect(dry.stdout).toMatch(/would not be removed: 1 instance has not stopped\.\n {2}i-2/);
    expect(await run('cluster', 'deregister', 'eu-1')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('i-2'),
    });
    expect((await run('cluster', 'deregister', 'eu-1', '--force')).code).toBe(0);
    expect(await list()).toEqual([]);
  });

  it('completes names, and says what is wrong', async () => {
    const { run, database, address } = await place();
    for (const name of ['eu-1', 'eu-2', 'us-1']) {
      await database.write((transaction) => insertCluster(transaction, clusterNamed(name)));
    }
    const words = async (...typed: string[]) =>
      (await steward(['completion', 'words', '--', '--address', address, ...typed])).stdout;
    expect(await words('cluster', 'drain', 'eu')).toBe('eu-1\neu-2\n');
    expect(await words('cluster', 'unc')).toBe('uncordon\n');
    expect(await run('cluster', 'update', 'eu-1')).toMatchObject({ code: 2 });
    expect(await run('cluster', 'update', 'eu-1', '--score', '10001')).toMatchObject({ code: 2 });
    expect(await run('cluster', 'cordon', 'nobody')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('not registered'),
    });
    const halfway = ['cluster', 'register', 'x', '--url', 'x:1', '--manager-ca', '/none'];
    expect(await run(...halfway)).toMatchObject({ code: 2, stderr: expect.stringContaining('go together') });
    expect(await run('cluster', 'register', 'x', '--url', 'x:1')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('tls'),
    });
  });
});

describe('steward bridge resume', () => {
  it('lets a loop go on that stands still', async () => {
    const manager = await plainManager();
    for (const id of ['i-1', 'i-2']) manager.set(statusOf({ id, version: 1n, phase: 'running' }));
    const { address, phases } = await startedBridge({
      clusters: bridgeConfigSchema.shape.clusters.parse([{ name: 'local', url: manager.address }]),
    });
    const run = (...args: string[]) => steward(['--address', address, ...args]);
    await vi.waitFor(async () => expect(Object.keys(await phases())).toHaveLength(2), patience);
    manager.truth.clear();
    await vi.waitFor(
      async () => expect((await run('cluster', 'list')).stderr).toContain('steward bridge resume local'),
      patience,
    );
    expect(await run('bridge', 'resume', 'local')).toMatchObject({ code: 2 });
    expect(await run('bridge', 'resume', '--reason', 'x')).toMatchObject({ code: 2 });
    expect(await run('bridge', 'resume', 'other', '--reason', 'x')).toMatchObject({ code: 3 });
    for (const loop of ['--unregistered', '--time-limits']) {
      expect(await run('bridge', 'resume', loop, '--reason', 'x')).toMatchObject({
        code: 4,
        stderr: expect.stringContaining('does not stand still'),
      });
    }
    expect(await run('bridge', 'resume', 'local', '--time-limits', '--reason', 'x')).toMatchObject({
      code: 2,
    });
    expect(await run('bridge', 'resume', 'local', '--reason', 'rebuilt', '--json')).toMatchObject({
      code: 0,
      stdout: '{"cluster":"local","resumed":true}\n',
    });
    await vi.waitFor(
      async () => expect(await phases()).toEqual({ 'i-1': 'local:stopped', 'i-2': 'local:stopped' }),
      patience,
    );
  });
});

describe('steward bridge reset-versions', () => {
  it('takes a manager that was reset at its word anew', async () => {
    const manager = await plainManager();
    for (const id of ['i-1', 'i-2', 'i-3']) manager.set(statusOf({ id, version: 900n, phase: 'running' }));
    const { address, phases, gauge, system } = await startedBridge({
      clusters: bridgeConfigSchema.shape.clusters.parse([{ name: 'eu-1', url: manager.address }]),
    });
    const run = (...args: string[]) => steward(['--address', address, ...args]);
    await vi.waitFor(async () => expect(Object.keys(await phases())).toHaveLength(3), patience);
    manager.truth.clear();
    manager.set(statusOf({ id: 'i-1', version: 5n, phase: 'stopping' }));
    manager.set(statusOf({ id: 'i-2', version: 6n, phase: 'interrupted' }));
    manager.set(statusOf({ id: 'i-3', version: 901n, phase: 'running' }));
    const fallen = async () => (await gauge('steward_bridge_fallen_instances')).map(({ value }) => value);
    await vi.waitFor(async () => expect(await fallen()).toEqual([2]), patience);
    expect((await run('cluster', 'list')).stderr).toContain('versions of 2 instances fell');
    const { ready, conditions } = await system.getInfo({});
    expect([ready, conditions.find(({ name }) => name === 'manager-versions:eu-1')?.message]).toEqual([
      true,
      expect.stringContaining('2 instances of eu-1'),
    ]);

    const reset = ['bridge', 'reset-versions', 'eu-1'];
    expect(await run(...reset)).toMatchObject({ code: 2, stderr: expect.stringContaining('Add --yes') });
    expect(await run(...reset, '--yes')).toMatchObject({ code: 2 });
    expect(await run(...reset, '--yes', '--dry-run')).toMatchObject({ code: 2 });
    expect(await run('bridge', 'reset-versions', 'other', '--dry-run')).toMatchObject({ code: 3 });
    const dry = await run(...reset, '--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toEqual({
      ...{ cluster: 'eu-1', dryRun: true, instances: 2, instanceIds: ['i-1', 'i-2'] },
    });
    expect(await phases()).toMatchObject({ 'i-1': 'eu-1:running', 'i-2': 'eu-1:running' });
    expect(await run(...reset, '--yes', '--reason', 'restored')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('for 2 instances of eu-1'),
    });
    await vi.waitFor(
      async () =>
        expect(await phases()).toEqual({
          'i-1': 'eu-1:stopping',
          'i-2': 'eu-1:interrupted',
          'i-3': 'eu-1:running',
        }),
      patience,
    );
    await vi.waitFor(async () => expect(await fallen()).toEqual([0]), patience);
    expect(await run(...reset, '--yes', '--reason', 'again')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('No instance of eu-1'),
    });
  });
});
