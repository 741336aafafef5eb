import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PRE_STOP_OUTPUT_BYTES } from '../../src/content/bounds.js';
import { type PreStopOptions, runPreStop } from '../../src/content/pre-stop.js';
import { realWorld } from '../../src/gateways/real/world.js';

const isRoot = process.getuid?.() === 0;
const user = isRoot ? { uid: 33333, gid: 33333 } : undefined;
const world = realWorld();

let folder: string;
let content: string;
let said: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'steward-pre-stop-'));
  chmodSync(folder, 0o711);
  content = join(folder, 'content');
  mkdirSync(content);
  if (user !== undefined) chownSync(content, user.uid, user.gid);
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function program(text: string, path = join(content, '.steward', 'pre-stop')): void {
  mkdirSync(join(content, '.steward'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

function run(changes: Partial<PreStopOptions> = {}) {
  const options = { user, timeoutMs: 30_000, signal: new AbortController().signal };
  return runPreStop(world, content, { ...options, onOutput: (line) => said.push(line), ...changes });
}

describe('the program a workspace runs before its content is saved', () => {
  it('runs in the content folder, as the owner of the content, with nothing of our environment', async () => {
    process.env['STEWARD_TEST_SECRET'] = 'hidden';
    program('echo saved > trimmed; pwd; id -u; env');
    expect(await run()).toMatchObject({ outcome: 'succeeded', exitCode: 0 });
    delete process.env['STEWARD_TEST_SECRET'];
    expect(readFileSync(join(content, 'trimmed'), 'utf8')).toBe('saved\n');
    if (user !== undefined) expect(statSync(join(content, 'trimmed')).uid).toBe(user.uid);
    expect(said[0]).toBe(content);
    expect(said[1]).toBe(String(user?.uid ?? process.getuid?.()));
    expect(said.join('\n')).not.toContain('hidden');
  });

  it('fails with its exit code, and says why', async () => {
    program('echo nothing to trim >&2; exit 3');
    expect(await run()).toMatchObject({ outcome: 'failed', exitCode: 3 });
    expect(said).toEqual(['nothing to trim']);
  });

  it('fails when it is no program at all', async () => {
    program('exit 0');
    writeFileSync(join(content, '.steward', 'pre-stop'), Buffer.from([0, 1, 2, 3]));
    expect((await run()).outcome).toBe('failed');
  });

  it('is ended when its time is over, with everything it started', async () => {
    program('(sleep 1; echo alive > witness) & echo begun; sleep 600');
    expect(await run({ timeoutMs: 300 })).toMatchObject({ outcome: 'timed-out' });
    program('sleep 2');
    await run();
    expect(existsSync(join(content, 'witness'))).toBe(false);
  });

  it('leaves nothing running behind', async () => {
    program('(sleep 1; echo alive > witness) > /dev/null 2>&1 &');
    expect((await run()).outcome).toBe('succeeded');
    program('sleep 2');
    await run();
    expect(existsSync(join(content, 'witness'))).toBe(false);
  });

  it('is ended when its caller goes away, which is no outcome', async () => {
    program('echo begun; sleep 600');
    const leaving = new AbortController();
    const outcome = run({ signal: leaving.signal, onOutput: () => leaving.abort(new Error('given up')) });
    await expect(outcome).rejects.toThrow('given up');
  });

  it('may say as much as it likes; only so much is told', async () => {
    program('i=0; while [ $i -lt 20000 ]; do echo "line $i of many"; i=$((i+1)); done');
    expect((await run()).outcome).toBe('succeeded');
    expect(said.join('\n').length).toBeLessThan(PRE_STOP_OUTPUT_BYTES + 1_000);
    expect(said.at(-1)).toContain('more than is kept');
  });
});

describe('what is no such program', () => {
  it.each([
    ['nothing', () => undefined],
    [
      'a file nobody may execute',
      () => {
        program('touch ran');
        chmodSync(join(content, '.steward/pre-stop'), 0o644);
      },
    ],
    ['a folder', () => mkdirSync(join(content, '.steward/pre-stop'), { recursive: true })],
    [
      'a link to a program',
      () => {
        mkdirSync(join(content, '.steward'));
        symlinkSync('/bin/true', join(content, '.steward/pre-stop'));
      },
    ],
    [
      'a program behind a link',
      () => {
        mkdirSync(join(folder, 'elsewhere'));
        writeFileSync(join(folder, 'elsewhere', 'pre-stop'), '#!/bin/sh\ntouch ran\n', { mode: 0o755 });
        symlinkSync('../elsewhere', join(content, '.steward'));
      },
    ],
  ])('%s is absent', async (_what, put) => {
    put();
    expect(await run()).toEqual({ outcome: 'absent', durationMs: 0 });
    expect(existsSync(join(content, 'ran'))).toBe(false);
  });

  it('is one that the operator has switched off', async () => {
    program('touch ran');
    expect((await run({ timeoutMs: 0 })).outcome).toBe('absent');
    expect(existsSync(join(content, 'ran'))).toBe(false);
  });
});
