import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openSqlite } from '../../src/database/database.js';
import { jsonLines } from '../cli/support/memory-cli.js';
import { RealSystem } from '../cli/support/real-system.js';

let system: RealSystem;
const START = ['start', '--empty', '--owner', 'ada', '--wait', '--quiet'];

beforeAll(async () => {
  system = await RealSystem.create();
  expect(await system.up()).toHaveProperty('ready');
  const started = await system.steward(...START, '--workspace', 'w1', '--instance', 'i1', '--lifetime', '1h');
  expect(started.code, started.stderr).toBe(0);
});
afterAll(() => system.remove());

async function json(...args: readonly string[]): Promise<readonly unknown[]> {
  const { code, stdout, stderr } = await system.steward(...args, '--json');
  expect(code, stderr).toBe(0);
  return jsonLines(stdout);
}

describe('what people ask about a running system', () => {
  it('is told at a glance, per node and instance', async () => {
    const [top] = await json('top', '--once');
    expect(top).toMatchObject({
      nodes: [
        {
          instancesByState: { AVAILABLE: 1 },
          queues: [{ name: 'setup' }, { name: 'backup' }, { name: 'snapshot' }],
        },
      ],
      instances: [{ id: 'i1', phase: 'RUNNING', content: { step: 'available.idle' } }],
    });
    const { stdout } = await system.steward('top', '--once');
    expect(stdout).toMatch(/^1 instance: 1 running +0 backups at risk +0 parked\n/);
  });

  it('is told as trees of all programs, the daemon’s through the manager', async () => {
    const trees = await json('tree');
    expect(trees).toMatchObject([
      { program: 'manager', tree: { name: 'manager' } },
      { program: 'daemon', node: 'localhost', tree: { name: 'daemon' } },
      { program: 'bridge', tree: { name: 'bridge' } },
    ]);
    const { stdout } = await system.steward('tree', '--depth', '2');
    expect(stdout).toMatch(/^manager {2}running[\s\S]*├─ instances {2}running[\s\S]*i1 {2}running/);
  });

  it('is told by the database, by the query the documentation has for it', async () => {
    const documentation = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const query = /```sql\n([\s\S]+?)```/.exec(documentation)?.[1] ?? 'no query';
    const database = openSqlite(join(system.stateFolder, 'bridge', 'steward.db'));
    onTestFinished(() => database.close());
    const of = { owner: 'ada', instance: 'i1', cluster: 'local' };
    await vi.waitFor(async () => {
      const rows: unknown = await database.read((connection) => connection.raw(query));
      expect(rows).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ ...of, actor: 'content', state: 'AVAILABLE', step: 'available.idle' }),
          expect.objectContaining({ ...of, actor: 'instance', node: 'manager', step: 'running' }),
        ]),
      );
    }, 20_000);
  });

  it('is told in sentences, with what comes next', async () => {
    const [why] = await json('why', 'i1');
    expect(why).toMatchObject({
      instance: { phase: 'RUNNING', step: 'running' },
      content: { step: 'available.idle' },
    });
    const { stdout } = await system.steward('why', 'i1');
    expect(stdout).toMatch(/^i1 is running, since /);
    expect(stdout).toContain('maximum lifetime');
    expect((await system.steward('why', 'nobody')).code).toBe(3);
  });
});

describe('what people set', () => {
  it('is how long it may go unused, and who may enter', async () => {
    expect(await json('timeout', 'i1', '2h', '--closed', '0s')).toMatchObject([
      { unused: '2h0m0s', lastUsed: null },
    ]);
    expect(await json('admission', 'i1', 'everyone')).toEqual([{ instance: 'i1', admission: 'everyone' }]);
    expect((await system.steward('timeout', 'nobody', '1h')).code).toBe(3);
    expect((await system.steward('admission', 'i1', 'nobody')).code).toBe(2);
  });

  it('is which ports are reached', async () => {
    expect(await json('ports', 'i1', '--expose', '28081', '28082', '--public')).toMatchObject([
      { port: 28081, visibility: 'PORT_VISIBILITY_PUBLIC' },
      { port: 28082 },
    ]);
    expect(await json('ports', 'i1', '--hide', '28081', '--hide', '28082')).toEqual([]);
    expect((await system.steward('ports', 'i1', '--expose', '65536')).code).toBe(2);
    expect((await system.steward('ports', 'i1', '--url', '28081')).code).toBe(2);
    expect((await system.steward('ports', 'i1', '--token')).stdout).toMatch(/^[\w.-]{32}\n$/);
  });

  it('is a maintenance, in which nothing is started', async () => {
    expect((await system.steward('maintenance', '--for', '1h')).code).toBe(2);
    expect(await json('maintenance', '--for', '1h', '--reason', 'a test')).toMatchObject([
      { maintenance: true },
    ]);
    expect((await system.steward(...START, '--instance', 'i2')).code).toBe(4);
    expect(await json('maintenance', '--end', '--reason', 'over')).toEqual([{ maintenance: false }]);
  });

  it('is that content is left alone, and goes on', async () => {
    const park = await json('recover', 'i1', '--park', '--reason', 'a look at it');
    expect(park).toMatchObject([
      { action: 'park', content: { parked: { reason: expect.stringContaining('a look') } } },
    ]);
    expect((await system.steward('why', 'i1')).stdout).toContain('steward recover i1 --resume');
    expect(await json('recover', 'i1', '--abandon', '--dry-run', '--reason', 'x')).toMatchObject([
      { dryRun: true },
    ]);
    await json('recover', 'i1', '--resume', '--reason', 'seen');
    await vi.waitFor(async () => {
      const [described] = await json('describe', 'i1');
      expect(described).toMatchObject({ content: { step: 'available.idle' } });
    }, 20_000);
  });
});

describe('a stop', () => {
  it('that would lose what was not saved says so, and needs to be meant', async () => {
    expect((await system.steward('stop', 'i1', '--abort')).stderr).toContain('--yes');
    expect((await system.steward('stop', 'i1', '--policy', 'abort')).code).toBe(2);
    expect((await system.steward('stop', 'i1', '--dry-run')).code).toBe(2);
    const dry = await system.steward('stop', 'i1', '--abort', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('would be lost') });
    expect(await json('describe', 'i1')).toMatchObject([{ status: { phase: 'RUNNING' } }]);
  });

  it('that is waited for ends with words and a code of its own when the instance is parked', async () => {
    const start = await system.steward(...START, '--workspace', 'w2', '--instance', 'i2');
    expect(start.code, start.stderr).toBe(0);
    await json('recover', 'i2', '--park', '--reason', 'do not touch');
    const waited = await system.steward('stop', 'i2', '--wait');
    expect(waited.code).toBe(11);
    expect(waited.stdout).toContain('do not touch');
    expect(waited.stdout).toContain('steward recover i2 --resume');
    await json('recover', 'i2', '--resume', '--reason', 'seen');
    expect((await system.steward('stop', 'i2', '--wait', '--quiet')).code).toBe(0);
  });
});

describe('a command in an instance', () => {
  it('has its own exit code, or 125 where there was none', async () => {
    const failing = await system.steward('exec', 'i1', '--', 'sh', '-c', 'echo out; echo bad >&2; exit 7');
    expect(failing).toEqual({ code: 7, stdout: 'out\n', stderr: 'bad\n' });
    expect((await system.steward('exec', 'i1', '--', '/no/such/program')).code).toBe(127);
    expect((await system.steward('exec', 'nobody', '--', 'true')).code).toBe(125);
  });

  it('ends with the terminal that goes away', async () => {
    const script =
      'steward exec -t i1 -- sh -c "echo \\$\\$ > pid; exec sleep 1000" & sleep_of=$!; wait_for() { until steward exec i1 -- test -s pid; do :; done; }; wait_for; kill -9 "$sleep_of"';
    expect((await system.shell(script)).code).toBe(0);
    await vi.waitFor(async () => {
      const left = await system.steward('exec', 'i1', '--', 'sh', '-c', 'kill -0 "$(cat pid)"');
      expect(left.code).toBe(1);
    }, 20_000);
  });
});

it('is found under the name of a context', async () => {
  const script =
    'export XDG_CONFIG_HOME=$PWD/config; here=$STEWARD_STATE; unset STEWARD_STATE; steward context set here --state "$here"; steward list --context here --json';
  const { code, stdout, stderr } = await system.shell(script);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('"id":"i1"');
});
