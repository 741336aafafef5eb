import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONTENT_RECORD_VERSION } from '../../machines/record.js';
import { open, seal } from '../../src/records/envelope.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { expectUnharmed, settleBystander } from './support/bystander.js';

let folder: string;
let daemon: RealDaemon;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bad-'));
  daemon = await realDaemon(folder);
  await settleBystander(daemon);
});
afterEach(async () => {
  await expectUnharmed(daemon);
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

describe('a record', () => {
  it.each([
    ['cut in half', (text: string) => text.slice(0, text.length / 2), /cut off|cannot be read/],
    ['cut to nothing', () => '', /header/],
    ['from the future', fromTheFuture, /newer/],
    ['with one flipped byte in its body', (text: string) => flipped(text, text.length - 40), /digest/],
    ['with one flipped byte in its header', (text: string) => flipped(text, 3), /header/],
    ['of another instance under its name', () => seal('other', CONTENT_RECORD_VERSION, {}), /digest/],
  ])('%s is set aside whole, told, and its content left alone', async (_what, damage, reason) => {
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    const work = join(folder, 'daemon', 'workspaces', 'i1', 'work.txt');
    await writeFile(work, 'not to be lost');
    await daemon.close();
    const record = join(folder, 'daemon', 'records', 'i1.record');
    const damaged = damage(await readFile(record, 'utf8'));
    await writeFile(record, damaged);

    daemon = await realDaemon(folder);
    const [aside = '', ...others] = await readdir(join(folder, 'daemon', 'set-aside'));
    expect(others).toEqual([]);
    expect(await readFile(join(folder, 'daemon', 'set-aside', aside), 'utf8')).toBe(damaged);
    expect(await daemon.registry.metrics()).toContain(
      'steward_record_alarms_total{kind="record-set-aside"} 1',
    );
    expect(daemon.alarms).toMatchObject([{ kind: 'record-set-aside', key: 'i1' }]);
    expect(daemon.alarms[0]?.reason).toMatch(reason);

    await expect(daemon.content.backupWorkspace({ id: 'i1' })).rejects.toMatchObject({
      code: 'unknown-instance',
    });
    await expect(daemon.content.initWorkspace(emptyWorkspace('i1'))).rejects.toMatchObject({
      entry: { status: status.DATA_LOSS, remedy: expect.stringContaining('set aside') },
      message: expect.stringContaining('left alone'),
    });
    expect(await readFile(work, 'utf8')).toBe('not to be lost');
    await daemon.content.initWorkspace(emptyWorkspace('i2'));
  });

  it('of an instance that is gone, damaged, is set aside too, and the id is free', async () => {
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
    await daemon.close();
    const record = join(folder, 'daemon', 'finished', 'i1.record');
    await writeFile(record, flipped(await readFile(record, 'utf8'), 200));
    daemon = await realDaemon(folder);
    expect(await readdir(join(folder, 'daemon', 'set-aside'))).toHaveLength(1);
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
  });
});

describe('the history', () => {
  it('with a flipped byte loses that line only', async () => {
    await daemon.content.initWorkspace(emptyWorkspace('i1'));
    await daemon.close();
    const history = join(folder, 'daemon', 'history');
    for (const name of await readdir(history)) {
      const path = join(history, name);
      const text = await readFile(path, 'utf8');
      if (text.includes('"i1"')) await writeFile(path, flipped(text, text.indexOf('"i1"')));
    }
    daemon = await realDaemon(folder);
    const { transitions } = await daemon.steward.getHistory({ instanceId: 'i1', limit: 0 });
    const own = transitions.filter(({ actor }) => actor === 'content');
    expect(own.map(({ to }) => to).slice(0, 6)).toEqual([
      'settingUp.reserving',
      'settingUp.initializing',
      'settingUp.sealing',
      'settingUp.recordingAvailable',
      'settingUp.announcing',
      'available.idle',
    ]);
  });
});

function fromTheFuture(text: string): string {
  const opened = open('i1', text);
  if (opened.kind !== 'intact') throw new Error('the record was damaged before');
  return seal('i1', opened.schema + 1, opened.body);
}

function flipped(text: string, at: number): string {
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
}
