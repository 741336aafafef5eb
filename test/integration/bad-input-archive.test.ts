import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { confinementOf } from '../../src/isolation/probe.js';
import { type TarEntry, tarFile } from '../content/support/tar-file.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** What must stay as it is, whatever an archive says. */
const CANARY = 'nobody may change this';
const ARCHIVE = 'others/planted.tar';
const SOON = { timeout: 30_000 };
const QUOTA_BYTES = 1024 * 1024;

let folder: string;
let daemon: RealDaemon;

beforeEach(async () => {
  folder = await temporaryFolder();
  mkdirSync(join(folder, 'outside'));
  writeFileSync(canary(), CANARY);
  daemon = await realDaemon(folder, { disk: { minFree: 0 } });
});
afterEach(async () => {
  expect(readFileSync(canary(), 'utf8')).toBe(CANARY);
  expect(readdirSync(join(folder, 'outside'))).toEqual(['canary']);
  await daemon.close();
});

describe('an archive of others', () => {
  it.each<readonly [string, () => Buffer, number]>([
    ['a name with ..', () => tarFile([{ name: '../../../outside/more', data: 'x' }]), status.DATA_LOSS],
    [
      'a name with .. in the middle',
      () => tarFile([{ name: 'a/../../../outside/more', data: 'x' }]),
      status.DATA_LOSS,
    ],
    [
      'a hard link to an absolute name',
      () => tarFile([hardLink(canary()), { name: 'in', data: 'x' }]),
      status.DATA_LOSS,
    ],
    ['a hard link with ..', () => tarFile([hardLink('../../../outside/canary')]), status.DATA_LOSS],
    ['no magic', () => Buffer.from('this is no archive'.repeat(100)), status.NOT_FOUND],
    ['nothing at all', () => Buffer.alloc(0), status.NOT_FOUND],
    [
      'an end in the middle of a file',
      () => cut(tarFile([{ name: 'a', data: 'x'.repeat(5_000) }]), 2_000),
      status.DATA_LOSS,
    ],
    [
      'a header with a flipped bit',
      () => flipped(tarFile([{ name: 'a', data: 'x' }, { name: 'b' }]), 1_024 + 3),
      status.DATA_LOSS,
    ],
  ])('with %s is refused, and another one is taken then', async (_what, bytes, code) => {
    plant(bytes());
    expect(await codeOf(init())).toBe(code);
    await expectGone('i1');
    expect(await codeOf(daemon.content.waitForInit({ id: 'i1' }))).toBe(code);
    await vi.waitFor(() => daemon.content.initWorkspace(emptyWorkspace('i1')), SOON);
  });

  it('with a name of 300 MB is refused for the memory that takes, which nobody gives it', async ({
    skip,
  }) => {
    skip((await confinementOf(realWorld())).kind === 'open', 'this machine does not allow it');
    await daemon.close();
    daemon = await realDaemon(folder, { disk: { minFree: 0 }, confinement: { memoryMax: '128Mi' } });
    plant(tarFile([{ name: '././@LongLink', type: 'L', sizeBytes: 300_000_000, data: 'x'.repeat(10_000) }]));
    expect(await codeOf(init())).toBe(status.RESOURCE_EXHAUSTED);
    await expectGone('i1');
  });

  it('with an absolute name stays inside', async () => {
    plant(tarFile([{ name: `${canary()}`, data: 'x' }]));
    await init();
    expect(readFileSync(join(contentOf('i1'), canary()), 'utf8')).toBe('x');
  });

  it.each<readonly [string, () => readonly TarEntry[]]>([
    ['an absolute link', () => [symbolicLink(join(folder, 'outside')), { name: 'link/canary', data: 'x' }]],
    ['a relative link', () => [symbolicLink('../../../outside'), { name: 'link/canary', data: 'x' }]],
    [
      'a link in place of a folder',
      () => [
        { name: 'link', type: '5', mode: 0o755 },
        symbolicLink('../../../outside'),
        { name: 'link/more', data: 'x' },
      ],
    ],
    ['a link to a file', () => [symbolicLink(canary()), { name: 'link', data: 'x' }]],
  ])('that writes through %s changes nothing outside', async (_what, entries) => {
    plant(tarFile(entries()));
    // Refused or contained: both are fine, and which of them is tar's.
    await codeOf(init());
  });

  it('with a device does not bring it', async () => {
    plant(
      tarFile([
        { name: 'disk', type: '4', mode: 0o666 },
        { name: 'a', data: 'x' },
      ]),
    );
    await codeOf(init());
    const found = existsSync(contentOf('i1')) ? readdirSync(contentOf('i1')) : [];
    for (const name of found) expect(lstatSync(join(contentOf('i1'), name)).isBlockDevice()).toBe(false);
  });

  it('that unpacks to more than the quota is refused', async () => {
    plant(tarFile([{ name: 'bomb', data: 'x'.repeat(40 * QUOTA_BYTES) }]));
    expect(await codeOf(init({ storageQuotaBytes: BigInt(QUOTA_BYTES) }))).toBe(status.RESOURCE_EXHAUSTED);
    await expectGone('i1');
  });

  it('with very many empty files is refused by the quota, too', async () => {
    plant(tarFile(Array.from({ length: 70_000 }, (_, index) => ({ name: `f${index}` }))));
    expect(await codeOf(init({ storageQuotaBytes: BigInt(QUOTA_BYTES) }))).toBe(status.RESOURCE_EXHAUSTED);
    await expectGone('i1');
  });

  it('padded past its end, or of nothing but its end, is taken', async () => {
    plant(tarFile([{ name: 'a', data: 'x' }], 20));
    await init();
    expect(readdirSync(contentOf('i1')).sort()).toEqual(['.gitpod', 'a']);
    await daemon.content.disposeWorkspace({ id: 'i1', backup: false, backupLogs: false });
    plant(Buffer.alloc(10 * 1024));
    await init({ id: 'i2', metadata: { owner: 'o1', metaId: 'w2' } });
    expect(readdirSync(contentOf('i2'))).toEqual(['.gitpod']);
  });
});

describe('a backup', () => {
  it.each<readonly [string, (manifest: string, archive: string) => void, number]>([
    ['whose archive was cut off', (_, archive) => truncateSync(archive, 40), status.DATA_LOSS],
    [
      'whose archive has a flipped bit',
      (_, archive) => writeFileSync(archive, flipped(readFileSync(archive), 30)),
      status.DATA_LOSS,
    ],
    ['whose archive is missing', (_, archive) => unlinkSync(archive), status.DATA_LOSS],
    [
      'whose manifest is newer than this program',
      (manifest) => versioned(manifest, 99),
      status.FAILED_PRECONDITION,
    ],
    ['whose manifest is cut off', (manifest) => truncateSync(manifest, 60), status.FAILED_PRECONDITION],
    [
      'whose manifest has a flipped bit',
      (manifest) => writeFileSync(manifest, flipped(readFileSync(manifest), 200)),
      status.FAILED_PRECONDITION,
    ],
  ])('%s is never taken for nothing', async (_what, damage, code) => {
    const { manifest, archive } = await saved();
    damage(manifest, archive);
    expect(await codeOf(daemon.content.initWorkspace(emptyWorkspace('i2')))).toBe(code);
    await expectGone('i2');
  });
});

function init(changes: Partial<ReturnType<typeof emptyWorkspace>> = {}) {
  const value = { snapshot: `${ARCHIVE}@steward`, fromVolumeSnapshot: false };
  return daemon.content.initWorkspace({
    ...emptyWorkspace('i1'),
    initializer: { spec: { $case: 'snapshot', value } },
    ...changes,
  });
}

/** What a set-up that failed left is removed behind its answer. */
async function expectGone(instance: string): Promise<void> {
  await vi.waitFor(() => expect(existsSync(contentOf(instance))).toBe(false), SOON);
}

/** A workspace with a file in it, saved and gone. */
async function saved() {
  await daemon.content.initWorkspace(emptyWorkspace('i1'));
  writeFileSync(join(contentOf('i1'), 'work'), 'hours of it');
  await daemon.content.disposeWorkspace({ id: 'i1', backup: true, backupLogs: false });
  const names = readdirSync(objects(), { recursive: true }).map((name) => join(objects(), String(name)));
  const [manifest] = names.filter((name) => name.endsWith('.manifest.json'));
  const [archive] = names.filter((name) => /\.tar(\.|$)/.test(name));
  if (manifest === undefined || archive === undefined) throw new Error(`no backup in ${names.join(', ')}`);
  return { manifest, archive };
}

function plant(bytes: Buffer): void {
  const path = join(objects(), ARCHIVE);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

async function codeOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return status.OK;
  } catch (error) {
    if (error instanceof StewardError) return error.entry.status;
    throw error;
  }
}

function versioned(manifest: string, version: number): void {
  const sealed = JSON.parse(readFileSync(manifest, 'utf8'));
  writeFileSync(manifest, JSON.stringify({ ...sealed, version }));
}

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

function cut(bytes: Buffer, length: number): Buffer {
  return bytes.subarray(0, length);
}

function hardLink(link: string): TarEntry {
  return { name: 'hard', type: '1', link };
}

function symbolicLink(link: string): TarEntry {
  return { name: 'link', type: '2', link };
}

function canary(): string {
  return join(folder, 'outside', 'canary');
}

function contentOf(instance: string): string {
  return join(folder, 'daemon', 'workspaces', instance);
}

function objects(): string {
  return join(folder, 'objects', 'objects');
}
