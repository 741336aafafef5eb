import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StewardError } from '../../src/errors/steward-error.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { steward } from '../cli/support/memory-cli.js';
import { emptyWorkspace, type RealDaemon, realDaemon } from '../support/real-daemon.js';
import { expectUnharmed, settleBystander } from './support/bystander.js';

const BAD_IDS = [
  '',
  'a/b',
  '/etc/passwd',
  '..',
  '../x',
  'a..b',
  '.hidden',
  '-rf',
  'a b',
  'a\u0000b',
  'a\nb',
  'a\u001b[31mb',
  'ü',
  'x'.repeat(10_000),
];

let folder: string;
let daemon: RealDaemon;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bad-'));
  daemon = await realDaemon(folder);
  await settleBystander(daemon);
});
afterAll(async () => {
  await expectUnharmed(daemon);
  const contents = await readdir(join(folder, 'daemon', 'workspaces'));
  expect(contents.filter((name) => !name.startsWith('.'))).toEqual(['bystander']);
  const records = await readdir(join(folder, 'daemon', 'records'));
  expect(records.filter((name) => name.endsWith('.record'))).toEqual(['bystander.record']);
  expect(await readdir(join(folder, 'secrets'))).toEqual([]);
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

describe.each(BAD_IDS)('the id %.20j', (id) => {
  it('is refused by every call, with the name of the field and what an id may be', async () => {
    const { content, steward: own } = daemon;
    const calls = {
      id: [
        content.initWorkspace(emptyWorkspace(id)),
        content.waitForInit({ id }),
        content.isWorkspaceExists({ id }),
        content.takeSnapshot({ id, returnImmediately: false }),
        content.disposeWorkspace({ id, backup: true, backupLogs: false }),
        content.backupWorkspace({ id }),
      ],
      'metadata.meta_id': [content.initWorkspace(emptyWorkspace('fine', id))],
      'metadata.owner': [content.initWorkspace(emptyWorkspace('fine', 'fine', id))],
      instance_id: [own.getContent({ instanceId: id }), own.getHistory({ instanceId: id, limit: 0 })],
      owner: [own.listBackups({ owner: id, workspaceId: 'w1', pageSize: 0, pageToken: '' })],
      workspace_id: [own.listBackups({ owner: 'o1', workspaceId: id, pageSize: 0, pageToken: '' })],
    };
    const answers = Object.entries(calls).map(async ([field, tried]) => ({
      field,
      refusals: await Promise.all(tried.map(refusal)),
    }));
    for (const { field, refusals } of await Promise.all(answers)) {
      for (const told of refusals) {
        expect(told).toMatchObject({ code: 'invalid-argument', status: 'INVALID_ARGUMENT' });
        expect(told.message).toMatch(
          new RegExp(`^${field} (is empty|is longer than|may hold only|must not)`),
        );
        expect(told.message.length).toBeLessThan(200);
      }
    }
  });

  it.skipIf(id.startsWith('-') || id.includes('\0'))('ends the command with 2', async () => {
    for (const verb of ['wait', 'exists', 'backup', 'snapshot', 'dispose']) {
      const { code, stdout, stderr } = await steward(['content', verb, id, '--address', address()]);
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toContain('The id ');
    }
  });
});

describe('an unknown id', () => {
  it('is told as such by every call that needs an instance, and by the command', async () => {
    const id = 'nobody';
    const { content, steward: own } = daemon;
    const calls = [
      content.waitForInit({ id }),
      content.takeSnapshot({ id, returnImmediately: true }),
      content.disposeWorkspace({ id, backup: true, backupLogs: false }),
      content.backupWorkspace({ id }),
      own.getContent({ instanceId: id }),
    ];
    for (const told of await Promise.all(calls.map(refusal))) {
      expect(told).toMatchObject({ code: 'unknown-instance', status: 'NOT_FOUND' });
      expect(told.message).toContain('nobody');
    }
    expect(await content.isWorkspaceExists({ id })).toEqual({ exists: false });
    const { code, stderr } = await steward(['content', 'dispose', id, '--address', address()]);
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('steward list') });
  });
});

describe('an initializer', () => {
  it.each([
    ['that is missing', undefined, 'initializer is missing'],
    ['with nothing set', { spec: undefined }, 'initializer has nothing set: set one of'],
    ['of an empty snapshot', { snapshot: {} }, 'initializer.snapshot'],
    [
      'without a Git configuration',
      { git: { remoteUri: 'https://e.org/x' } },
      'initializer.git.config is missing',
    ],
    ['without a clone URL', { git: { config: {} } }, 'initializer.git.remote_uri is empty'],
    [
      'that is too large',
      { git: { remoteUri: 'https://e.org/x', config: { authUser: 'x'.repeat(300_000) } } },
      'initializer is larger than',
    ],
    [
      'with too large secrets',
      { git: { remoteUri: 'https://e.org/x', config: { authPassword: 'x'.repeat(2_000_000) } } },
      'initializer has secrets of more than',
    ],
  ])('%s is refused before anything is touched', async (_what, json, message) => {
    const initializer = json === undefined ? undefined : WorkspaceInitializer.fromJSON(json);
    const told = await refusal(daemon.content.initWorkspace({ ...emptyWorkspace('i1'), initializer }));
    expect(told).toMatchObject({ status: 'INVALID_ARGUMENT', message: expect.stringContaining(message) });
  });

  it('without metadata is refused', async () => {
    const told = await refusal(
      daemon.content.initWorkspace({ ...emptyWorkspace('i1'), metadata: undefined }),
    );
    expect(told).toMatchObject({ status: 'INVALID_ARGUMENT', message: 'metadata is missing' });
  });
});

describe('a clone URL', () => {
  const planted = () => join(folder, 'planted');
  it.each([
    () => `--upload-pack=touch ${planted()}`,
    () => `-u touch ${planted()}`,
    () => `ext::sh -c touch% ${planted()}`,
    () => `ext::sh%20-c%20touch%09${planted()}`,
    () => 'file:///etc',
    () => '/etc',
    () => '../..',
    () => 'fd::3',
    () => 'ssh://-oProxyCommand=touch/x',
    () => 'https://ada:hunter2@example.org/x',
    () => 'https://example.org/x\n--upload-pack=y',
  ])('that is none is refused, and nothing of it is run or repeated: %s', async (url) => {
    for (const field of ['remoteUri', 'upstreamRemoteUri']) {
      const git = { remoteUri: 'https://example.org/x', config: {}, [field]: url() };
      const initializer = WorkspaceInitializer.fromJSON({ git });
      const told = await refusal(daemon.content.initWorkspace({ ...emptyWorkspace('i1'), initializer }));
      expect(told.status).toBe('INVALID_ARGUMENT');
      expect(told.message).toMatch(/^initializer\.git\.(remote_uri|upstream_Remote_uri) (must|does not)/);
      expect(told.message).not.toContain('hunter2');
    }
    const command = ['content', 'init', 'i1', '--workspace', 'w1', '--owner', 'o1', `--git=${url()}`];
    const { code, stderr } = await steward([...command, '--address', address()]);
    expect(code).toBe(2);
    expect(stderr).not.toContain('hunter2');
    expect(await readdir(folder)).not.toContain('planted');
  });
});

describe('a checkout location', () => {
  it.each([
    '/etc',
    '..',
    '../x',
    'a/../../x',
    'a/../..',
    '.git',
    'a/.GIT/hooks',
    'a\u0000b',
    'x'.repeat(10_000),
  ])('outside of the workspace is refused: %.20j', async (checkoutLocation) => {
    const git = { remoteUri: 'https://example.org/x', config: {}, checkoutLocation };
    for (const json of [{ git }, { backup: { checkoutLocation } }]) {
      const initializer = WorkspaceInitializer.fromJSON(json);
      const told = await refusal(daemon.content.initWorkspace({ ...emptyWorkspace('i1'), initializer }));
      expect(told.status).toBe('INVALID_ARGUMENT');
      expect(told.message).toMatch(/^initializer\.(git|backup)\.checkout_location (must|is longer)/);
    }
  });
});

/** What a caller is told. */
async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StewardError)) throw error;
  return { code: error.code, status: status[error.entry.status], message: error.message };
}

function address(): string {
  return daemon.daemon.addresses[0] ?? '';
}
