import { describe, expect, test } from 'vitest';
import { planOf } from '../../../src/content/initializers/table.js';
import {
  CloneTargetMode,
  GitAuthMethod,
  GitConfig,
  GitInitializer,
  WorkspaceInitializer,
} from '../../../src/gen/content-service-api/initializer.js';

test('an initializer with nothing set is refused with what could be set', () => {
  expect(() => planOf({ spec: undefined })).toThrow(
    expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining('empty, git') }),
  );
});

test('plans say what they will fetch, and where the working copy will be', () => {
  const git = gitWith({
    checkoutLocation: './app/',
    targetMode: CloneTargetMode.REMOTE_BRANCH,
    cloneTaget: 'main',
  });
  expect(planOf(git)).toMatchObject({
    kind: 'git',
    checkoutLocations: ['app'],
    description: 'https://example.org/x.git, branch main',
  });
  expect(planOf(WorkspaceInitializer.fromJSON({ empty: {} })).checkoutLocations).toEqual([]);
  expect(planOf(WorkspaceInitializer.fromJSON({ backup: { checkoutLocation: 'app' } }))).toMatchObject({
    kind: 'backup',
    checkoutLocations: ['app'],
  });
});

describe('a clone URL', () => {
  test.each([
    'https://example.org/x.git',
    'https://example.org:8443/x.git',
    'ssh://git@example.org/x.git',
    'git@example.org:group/x.git',
    'git://example.org/x.git',
    'http://example.org/x.git',
  ])('%s is taken', (remoteUri) => {
    expect(planOf(gitWith({ remoteUri })).kind).toBe('git');
  });

  test.each([
    '',
    '--upload-pack=touch /tmp/x',
    '-oProxyCommand=x@host:y',
    'ext::sh -c touch% /tmp/x',
    'file:///etc',
    '/etc',
    './relative',
    '../relative',
    'relative',
    'C:\\windows',
    'fd::3',
    'ftp://example.org/x',
    'https://',
    'https://example.org/x y',
    'https://example.org/x\n--upload-pack=y',
    'https://example.org/\u0000',
    'https://ada:secret@example.org/x.git',
    'https://ghp_token@example.org/x.git',
    'ssh://-oProxyCommand=touch/x',
    'ssh://-l@example.org/x',
    'git@example.org:-option',
    `https://example.org/${'x'.repeat(10_000)}`,
  ])('%j is refused', (remoteUri) => {
    for (const field of [{ remoteUri }, ...(remoteUri === '' ? [] : [{ upstreamRemoteUri: remoteUri }])]) {
      expect(() => planOf(gitWith(field))).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    }
  });

  test('that carries a password is refused without repeating it', () => {
    expect(() => planOf(gitWith({ remoteUri: 'https://ada:hunter2@example.org/x' }))).toThrow(
      /^(?!.*hunter2)/s,
    );
  });
});

describe('a checkout location', () => {
  test.each([
    '/etc',
    '../x',
    'a/../../x',
    'a/..',
    'a\u0000b',
    'a\nb',
    '.git',
    'a/.GIT/hooks',
    'x'.repeat(5000),
  ])('%j is refused', (checkoutLocation) => {
    const backup = WorkspaceInitializer.fromJSON({ backup: { checkoutLocation } });
    for (const initializer of [gitWith({ checkoutLocation }), backup]) {
      expect(() => planOf(initializer)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    }
  });
});

describe('a target', () => {
  const modes = [CloneTargetMode.REMOTE_BRANCH, CloneTargetMode.LOCAL_BRANCH];
  test.each([
    '',
    '-b',
    'a b',
    'a..b',
    'a~1',
    'a^',
    'a:b',
    'a?',
    '/a',
    'a/',
    'a.lock',
    '@',
    'a@{0}',
    '.a',
    'a\u0007',
  ])('%j is no branch', (cloneTaget) => {
    for (const targetMode of modes) {
      expect(() => planOf(gitWith({ targetMode, cloneTaget }))).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }),
      );
    }
  });

  test.each(['', 'main', '--all', 'abc', 'g'.repeat(40)])('%j is no commit', (cloneTaget) => {
    expect(() => planOf(gitWith({ targetMode: CloneTargetMode.REMOTE_COMMIT, cloneTaget }))).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});

describe('a configuration', () => {
  test.each([
    'core.fsmonitor',
    'core.hooksPath',
    'core.sshCommand',
    'core.pager',
    'core.worktree',
    'credential.helper',
    'http.extraHeader',
    'http.proxy',
    'http.sslVerify',
    'filter.lfs.clean',
    'alias.status',
    'include.path',
    'url.ext::x.insteadOf',
    'protocol.file.allow',
    'remote.origin.uploadpack',
    'user.name\ncore.pager',
  ])('may not set %j', (key) => {
    const config = GitConfig.fromPartial({ customConfig: { [key]: 'x' } });
    expect(() => planOf(gitWith({ config }))).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  test('may set what names no program, in any spelling', () => {
    const config = GitConfig.fromPartial({ customConfig: { 'User.Name': ' Ada ', 'pull.rebase': 'true' } });
    expect(planOf(gitWith({ config })).kind).toBe('git');
  });

  test('that is missing is refused', () => {
    expect(() => planOf(gitWith({ config: undefined }))).toThrow(/config is missing/);
  });

  test('with credentials needs a server that can ask for them, and lines that can carry them', () => {
    const config = GitConfig.fromPartial({ authentication: GitAuthMethod.BASIC_AUTH, authPassword: 'x' });
    expect(() => planOf(gitWith({ remoteUri: 'git://example.org/x', config }))).toThrow(/https/);
    expect(() => planOf(gitWith({ config: { ...config, authPassword: 'a\nhost=evil' } }))).toThrow(
      /control characters/,
    );
  });
});

describe('a snapshot', () => {
  test.each(['a/b.tar@steward', 'snapshot-1.tar@my-bucket'])('%s is taken', (snapshot) => {
    expect(planOf(WorkspaceInitializer.fromJSON({ snapshot: { snapshot } })).kind).toBe('snapshot');
  });

  test.each(['', 'a.tar', 'a@b@c', '@b', 'a@', '../x@b', 'a/../../x@b', '/a@b', 'a//b@c', 'a b@c', 'a@b/c'])(
    '%j is refused',
    (snapshot) => {
      expect(() => planOf(WorkspaceInitializer.fromJSON({ snapshot: { snapshot } }))).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }),
      );
    },
  );
});

function gitWith(fields: Partial<GitInitializer>): WorkspaceInitializer {
  const config = GitConfig.create({});
  const value = { ...GitInitializer.create({}), remoteUri: 'https://example.org/x.git', config, ...fields };
  return { spec: { $case: 'git', value } };
}
