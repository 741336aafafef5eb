import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERBS } from '../../src/cli/verbs.js';
import { jsonLines, steward } from './support/memory-cli.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const verbs = [
  ...VERBS.map(({ name }) => name).filter((name) => !['config', 'content', 'context'].includes(name)),
  'bridge resume',
  ...'list register update cordon uncordon drain deregister'.split(' ').map((name) => `cluster ${name}`),
  ...'check schema'.split(' ').map((name) => `config ${name}`),
  ...'list set remove'.split(' ').map((name) => `context ${name}`),
  ...'init wait exists snapshot backup dispose'.split(' ').map((name) => `content ${name}`),
];

describe('help', () => {
  it.each(verbs)('of %s shows an example that begins with it', async (verb) => {
    const { code, stdout } = await steward([...verb.split(' '), '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`$ steward ${verb}`);
    expect(stdout).toContain('--json');
  });

  it('names all verbs', async () => {
    const { stdout } = await steward(['--help']);
    for (const verb of verbs) expect(stdout).toMatch(new RegExp(`^  ${verb.split(' ')[0]}`, 'm'));
  });
});

describe('wrong command lines', () => {
  it.each([
    [['\u001b[31mred\u0007']],
    [['list', '--\u001b]0;title\u0007']],
    [['stop', 'x', '--policy', 'a\nforged line\u001b[2J']],
  ])('%j is repeated without what steers a terminal', async (args) => {
    const { code, stderr } = await steward(['--state', folder, ...args]);
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/[^\P{Cc}\n]/u);
    expect(stderr).not.toMatch(/^forged/m);
  });

  it.each([
    [['--json', 'lits'], 'Did you mean list?'],
    [['list', '--json', '--nonsense'], "unknown option '--nonsense'"],
    [['stop', '--json'], 'missing required argument'],
    [['list', '--timeout', 'soon', '--json'], 'Write a duration'],
  ])('is one object with --json: %j', async (args, message) => {
    const { code, stdout, stderr } = await steward(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    const error = { code: 'invalid-argument', message: expect.stringContaining(message) };
    expect(jsonLines(stderr)).toMatchObject([{ error }]);
  });

  it.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['--json', 'lits'], 'Did you mean list?'],
    [['recovr', 'i1'], 'Did you mean recover?'],
    [['stop', 'i1', '--wiat'], 'Did you mean --wait?'],
    [['list', '--nonsense'], "unknown option '--nonsense'"],
    [['stop'], "missing required argument 'instance'"],
    [['stop', '../x'], 'The id'],
    [['stop', 'x', '--policy', 'gently'], 'Allowed choices are normally, immediately, abort'],
    [['stop', 'x', '--now', '--abort'], 'disagree'],
    [['start'], 'say where the content comes from'],
    [['list', '--timeout', 'soon'], 'Write a duration'],
    [['list', '--address', 'nowhere'], 'unix:/path, host:port'],
    [['list', '--address', 'localhost:1', '--tls-cert', 'x'], '--tls-cert and --tls-key go together'],
    [['list', '--address', 'localhost:1', '--tls-ca', '/nonexistent/ca'], '--tls-ca'],
  ])('%j exits with 2 and says why', async (args, message) => {
    const { code, stdout, stderr } = await steward(['--state', folder, ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stdout).toBe('');
  });
});

describe('without a running system', () => {
  it.each([
    [['list']],
    [['stop', 'x', '--wait']],
    [['start', '--empty', '--wait']],
    [['content', 'exists', 'x']],
  ])('%j exits with 5 and says how to start it', async (args) => {
    const { code, stdout, stderr } = await steward(['--state', folder, ...args]);
    expect(code).toBe(5);
    expect(stderr).toContain('steward up');
    expect(stdout).toBe('');
  });

  it('says the same when the socket refuses', async () => {
    const { code, stderr } = await steward(['list', '--address', '127.0.0.1:1']);
    expect(code).toBe(5);
    expect(stderr).toContain('no manager answers at 127.0.0.1:1');
  });

  it('tells machines on stderr, as one object', async () => {
    const { code, stdout, stderr } = await steward(['--state', folder, 'list', '--json']);
    expect(code).toBe(5);
    expect(stdout).toBe('');
    expect(jsonLines(stderr)).toMatchObject([
      { error: { code: 'unavailable', status: 'UNAVAILABLE', retryable: true } },
    ]);
  });
});

describe('config', () => {
  it('names every bad key of a file', async () => {
    const file = join(folder, 'daemon.json');
    await writeFile(file, JSON.stringify({ nodee: 'x', storage: { folder: 7 } }));
    const { code, stderr } = await steward(['config', 'check', file]);
    expect(code).toBe(2);
    expect(stderr).toContain('nodee: there is no such key');
    expect(stderr).toContain('storage.folder:');
  });

  it('takes a good file, and knows by its name whose it is', async () => {
    const file = join(folder, 'my-bridge.json');
    await writeFile(file, JSON.stringify({ stopShareMax: 0.25 }));
    const { code, stdout } = await steward(['config', 'check', file, '--json']);
    expect(code).toBe(0);
    expect(jsonLines(stdout)).toEqual([{ file, program: 'bridge', valid: true }]);
  });

  it('checks the file of `up`, which tells each program its own, and names every bad key by its whole path', async () => {
    const file = join(folder, 'steward.json');
    await writeFile(file, JSON.stringify({ daemon: { disk: { minFree: '1Gi' } }, bridge: {} }));
    const good = await steward(['config', 'check', file, '--json']);
    expect(good.code).toBe(0);
    expect(jsonLines(good.stdout)).toEqual([
      { file, programs: ['daemon', 'manager', 'bridge'], valid: true },
    ]);
    await writeFile(file, JSON.stringify({ daemon: { disk: { minFre: 1 } }, bridge: { stopShareMax: 7 } }));
    const bad = await steward(['config', 'check', file]);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('daemon.disk.minFre: there is no such key');
    expect(bad.stderr).toContain('bridge.stopShareMax:');
    await writeFile(file, JSON.stringify({ daemon: {}, brigde: {} }));
    const unknown = await steward(['config', 'check', file]);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr.match(/brigde: there is no such key/g)).toHaveLength(1);
  });

  it('says that a file is not there', async () => {
    const { code, stderr } = await steward(['config', 'check', join(folder, 'none.json')]);
    expect(code).toBe(2);
    expect(stderr).toContain('ENOENT');
  });

  it.each(['daemon', 'manager', 'bridge'])('prints the schema of the %s', async (program) => {
    const { code, stdout } = await steward(['config', 'schema', '--program', program]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', properties: { listen: { type: 'array' } } });
  });
});

describe('machines', () => {
  it('prints the named ones as Mermaid', async () => {
    const { code, stdout } = await steward(['machines', 'content-state', '--json']);
    expect(code).toBe(0);
    const [first] = jsonLines(stdout);
    expect(first).toMatchObject({ machine: 'content-state', state: '' });
    expect(stdout).toContain('stateDiagram-v2');
    expect(stdout).not.toContain('veth-pair');
  });
});

describe('doctor', () => {
  it('gives every finding a verdict, and a remedy unless all is well', async () => {
    const { code, stdout } = await steward(['--state', join(folder, 'not', 'yet'), 'doctor', '--json']);
    const findings = jsonLines(stdout);
    expect(findings.length).toBeGreaterThan(10);
    for (const finding of findings) {
      const isWell = expect.objectContaining({ verdict: 'ok', remedy: '' });
      const isNot = expect.objectContaining({ verdict: 'warning', remedy: expect.stringMatching(/../) });
      expect([isWell, isNot]).toContainEqual(finding);
    }
    expect(code).toBe(0);
  });

  it('fails when the state folder cannot be written', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const { code, stdout } = await steward(['--state', file, 'doctor', '--json']);
    expect(code).toBe(1);
    expect(jsonLines(stdout)).toContainEqual(
      expect.objectContaining({ name: 'state folder', verdict: 'missing' }),
    );
  });
});
