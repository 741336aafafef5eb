import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines } from '../cli/support/memory-cli.js';
import { RealSystem } from '../cli/support/real-system.js';

let system: RealSystem;
/** The daemon checks what it is asked to fetch before it does anything. */
const init = ['content', 'init', 'refused', '--workspace', 'refused', '--owner', 'ada'];

beforeAll(async () => {
  system = await RealSystem.create();
  expect(await system.up()).toMatchObject({ ready: { ready: true, state: system.stateFolder } });
});
afterAll(() => system.remove());

describe('the command against the real system', () => {
  it('starts, shows and stops an instance, each result one object of JSON', async () => {
    const started = await system.steward(
      ...[
        'start',
        '--json',
        '--empty',
        '--workspace',
        'life',
        '--instance',
        'life-1',
        '--owner',
        'ada',
        '--wait',
      ],
      ...['--', 'sh', '-c', 'echo out; exec sleep infinity'],
    );
    expect(started).toMatchObject({ code: 0, stderr: '' });
    expect(jsonLines(started.stdout)).toEqual([
      { instance: 'life-1', workspace: 'life', owner: 'ada', phase: 'running' },
    ]);
    const listed = await system.steward('list', '--json', '--workspace', 'life');
    expect(jsonLines(listed.stdout)).toMatchObject([
      { id: 'life-1', phase: 'RUNNING', content: { state: 'available' } },
    ]);
    const logs = await system.steward('logs', 'life-1', '--json');
    expect(jsonLines(logs.stdout)).toEqual([{ instance: 'life-1', text: 'out' }]);
    const stopped = await system.steward('stop', 'life-1', '--json', '--wait');
    expect(jsonLines(stopped.stdout)).toMatchObject([{ phase: 'stopped', finalBackup: true, failed: '' }]);
    const history = await system.steward('history', 'life-1', '--json');
    // The end of the instance is told after that of its content.
    const ends = jsonLines(history.stdout).slice(-3);
    expect(ends).toContainEqual(
      expect.objectContaining({ instance: 'life-1', actor: 'content', to: 'gone' }),
    );
  });

  it('never prints the token that opens a workspace', async () => {
    const start = ['start', '--empty', '--workspace', 'quiet', '--instance', 'quiet-1', '--wait'];
    const outputs = [
      await system.steward(...start, '--json'),
      await system.steward('list', '--json'),
      await system.steward('describe', 'quiet-1', '--json'),
    ];
    for (const { code, stdout } of outputs) {
      expect(code).toBe(0);
      expect(stdout).not.toMatch(/"ownerToken":"[^"]/);
    }
    await system.steward('stop', 'quiet-1', '--wait');
  });

  it('shows people every transition on stderr, and the result on stdout', async () => {
    const { code, stdout, stderr } = await system.steward(
      'start',
      '--empty',
      '--instance',
      'seen-1',
      '--wait',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^instance +seen-1\n/);
    expect(stderr).toMatch(/none → settingUp[\s\S]*→ available[\s\S]*phase +running/);
    const quiet = await system.steward('stop', 'seen-1', '--wait', '--quiet');
    expect(quiet.stderr).toBe('');
  });

  it('says why a workspace does not run, and exits with 1', async () => {
    const git = ['start', '--git', 'git://127.0.0.1:1/none', '--instance', 'bad-1', '--wait'];
    const { code, stderr } = await system.steward(...git);
    expect(code).toBe(1);
    expect(stderr).toContain('bad-1 does not run');
    expect(stderr).toContain('steward history bad-1');
  });

  it.each([
    [['describe', 'nobody'], 3],
    [['stop', 'nobody', '--wait'], 3],
    [['backup', 'nobody'], 3],
    [['start', '--empty', '--workspace', 'a/b'], 2],
    [[...init, '--git', 'ext::sh -c true'], 2],
    [[...init, '--git=--upload-pack=x'], 2],
    [[...init, '--git', 'file:///etc'], 2],
    [[...init, '--git', 'git://127.0.0.1/x', '--checkout-location', '../x'], 2],
    [['content', 'exists', 'nobody'], 3],
  ])('%j exits with %d', async (args, code) => {
    const finished = await system.steward(...args, '--json');
    expect(finished.code).toBe(code);
  });

  it('does not let a second system use the same folder', async () => {
    const second = await system.steward('up');
    expect(second.code).toBe(4);
    expect(second.stderr).toMatch(/another/);
  });

  it('refuses a second instance of a running workspace, and keeps the first', async () => {
    const start = (instance: string) =>
      system.steward('start', '--empty', '--workspace', 'one', '--instance', instance, '--wait', '--json');
    expect((await start('one-1')).code).toBe(0);
    expect((await start('one-2')).code).toBe(4);
    const listed = await system.steward('list', '--workspace', 'one', '--json');
    expect(jsonLines(listed.stdout)).toMatchObject([{ id: 'one-1', phase: 'RUNNING' }]);
  });

  it('goes on after kill -9: the workspace runs on and can be stopped with a backup', async () => {
    expect(await system.down('SIGKILL')).toBeNull();
    expect((await system.steward('list')).code).toBe(5);
    expect(await system.up()).toMatchObject({ ready: { ready: true } });
    const listed = await system.steward('list', '--workspace', 'one', '--json');
    expect(jsonLines(listed.stdout)).toMatchObject([{ id: 'one-1', phase: 'RUNNING' }]);
    const stopped = await system.steward('stop', 'one-1', '--wait', '--json');
    expect(jsonLines(stopped.stdout)).toMatchObject([{ finalBackup: true }]);
  });

  it('drains on SIGTERM and exits with 0', async () => {
    expect(await system.down('SIGTERM')).toBe(0);
    const { code, stderr } = await system.steward('list');
    expect(code).toBe(5);
    expect(stderr).toContain('steward up');
  });

  it('runs one program by itself, from a file', async () => {
    const bad = await system.shell(`echo '{"lissten": []}' > bad.json; steward daemon --config bad.json`);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('lissten: there is no such key');
  });
});
