import { describe, expect, it } from 'vitest';
import { idProblem } from '../../machines/ids.js';
import { repositoryName } from '../../src/cli/initializer-options.js';
import { startRequestOf } from '../../src/cli/start-request.js';
import { CloneTargetMode, GitAuthMethod } from '../../src/gen/content-service-api/initializer.js';

const random = {
  fraction: () => 0.5,
  uuid: () => '00000000-0000-4000-8000-000000000000',
  bytes: (count: number) => new Uint8Array(count).fill(10),
};
const context = { random, env: { TOKEN: 'from-outside' }, owner: 'ada' };

describe('a start request', () => {
  it('clones the default branch into a folder named like the repository', () => {
    const { spec } = startRequestOf({ git: 'https://example.org/team/My.Repo.git' }, [], context);
    expect(spec?.initializer?.spec).toMatchObject({
      $case: 'git',
      value: {
        remoteUri: 'https://example.org/team/My.Repo.git',
        targetMode: CloneTargetMode.REMOTE_HEAD,
        checkoutLocation: 'My-Repo',
        config: { authentication: GitAuthMethod.NO_AUTH },
      },
    });
  });

  it('clones a branch or a commit, but not both', () => {
    const git = 'git://example.org/x';
    const initializerFor = (options: object) =>
      startRequestOf({ git, ...options }, [], context).spec?.initializer?.spec;
    expect(initializerFor({ branch: 'b' })).toMatchObject({
      value: { targetMode: CloneTargetMode.REMOTE_BRANCH, cloneTaget: 'b' },
    });
    expect(initializerFor({ commit: 'abc1234' })).toMatchObject({
      value: { targetMode: CloneTargetMode.REMOTE_COMMIT, cloneTaget: 'abc1234' },
    });
    expect(() => initializerFor({ branch: 'b', commit: 'abc1234' })).toThrow('--branch and --commit');
  });

  it('makes ids that the system takes, from names it would not', () => {
    for (const git of [
      'https://example.org/..',
      'git@host:-x-/ü.git',
      'https://example.org/',
      `https://e.org/${'x'.repeat(500)}`,
    ]) {
      const request = startRequestOf({ git }, [], context);
      expect(idProblem(request.metadata?.metaId ?? '')).toBeUndefined();
      expect(request.servicePrefix).toBe(request.metadata?.metaId);
    }
  });

  it('puts the command into an annotation, options and words together', () => {
    const request = startRequestOf({ empty: true, command: ['sh'] }, ['-c', 'echo "hi"'], context);
    expect(JSON.parse(request.metadata?.annotations['steward.dev/command'] ?? '')).toEqual([
      'sh',
      '-c',
      'echo "hi"',
    ]);
    expect(startRequestOf({ empty: true }, [], context).metadata?.annotations).toEqual({});
  });

  it('passes variables on from the caller without their values on the command line', () => {
    const variables = [
      { name: 'A', value: 'b=c' },
      { name: 'TOKEN', value: undefined },
    ];
    const { spec } = startRequestOf({ empty: true, env: variables }, [], context);
    expect(spec?.envvars.map(({ name, value }) => [name, value])).toEqual([
      ['A', 'b=c'],
      ['TOKEN', 'from-outside'],
    ]);
    const unknown = [{ name: 'NOT_THERE', value: undefined }];
    expect(() => startRequestOf({ empty: true, env: unknown }, [], context)).toThrow('NOT_THERE');
  });

  it.each([
    [{}, 'say where the content comes from'],
    [{ git: 'git://e.org/x', empty: true }, '--git and --empty cannot be used together'],
    [{ empty: true, branch: 'b' }, '--branch goes with --git only'],
    [{ empty: true, fullClone: true }, '--full-clone goes with --git only'],
    [{ fromBackup: true }, '--from-backup needs --workspace'],
  ])('refuses %j', (options, message) => {
    expect(() => startRequestOf(options, [], context)).toThrow(message);
  });
});

describe('repositoryName', () => {
  it.each([
    ['https://github.com/octocat/Hello-World', 'Hello-World'],
    ['https://github.com/octocat/Hello-World.git/', 'Hello-World'],
    ['git@github.com:octocat/x.y.git', 'x-y'],
    ['--upload-pack=evil', 'upload-pack-evil'],
    ['', ''],
  ])('of %s is %s', (url, name) => {
    expect(repositoryName(url)).toBe(name);
  });
});
