import { describe, expect, test } from 'vitest';
import { gitEnvironment } from '../../src/content/git-environment.js';
import { gitProgressIn } from '../../src/content/git-progress.js';
import { initialize } from '../../src/content/initialize.js';
import { planOf } from '../../src/content/initializers/table.js';
import { workspacePrograms } from '../../src/gateways/simulated/programs/table.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';
import { DirectoryStorage } from '../../src/storage/directory.js';
import { contextFor } from './support/place.js';

describe('git that ends well without having done its work is not believed', () => {
  test.each(['clone', 'checkout', 'rev-parse'])('%s', async (command) => {
    const world = SimulatedWorld.fromSeed(1, workspacePrograms);
    await world.files.makeDirectory('/content');
    const storage = new DirectoryStorage(world, {
      bucket: 'steward',
      folder: '/objects',
      witness: '/witness',
    });
    const git = {
      remoteUri: 'https://example.org/x',
      targetMode: 'REMOTE_BRANCH',
      cloneTaget: 'topic',
      config: {},
    };
    world.processes.faults = {
      at: (_program, args) => (args.includes(command) ? { kind: 'garbage', output: '', code: 0 } : undefined),
    };
    const context = contextFor({ world, storage, user: undefined }, '/content');
    const running = initialize(planOf(WorkspaceInitializer.fromJSON({ git })), context, {
      isFreshStart: false,
    });
    const settled = world.time.runUntilSettled(running, 60_000);
    await expect(settled).rejects.toMatchObject({ code: 'git-failed' });
  });
});

describe('progress', () => {
  test.each([
    [
      'Receiving objects:  45% (450/1000), 12.50 MiB | 1.20 MiB/s',
      { part: 'Receiving objects', percent: 45, bytes: 13_107_200 },
    ],
    ['remote: Counting objects: 100% (3/3), done.', { part: 'Counting objects', percent: 100, bytes: 0 }],
    ['Updating files:   7% (1/14)', { part: 'Updating files', percent: 7, bytes: 0 }],
    [
      'Receiving objects: 100% (3/3), 700 bytes | 700.00 KiB/s, done.',
      { part: 'Receiving objects', percent: 100, bytes: 700 },
    ],
  ])('is read from %j', (line, expected) => {
    expect(gitProgressIn(line)).toEqual(expected);
  });

  test.each(['fatal: repository not found', 'error: 45% (1/2)', '', 'Cloning into .'])(
    'is not in %j',
    (line) => {
      expect(gitProgressIn(line)).toBeUndefined();
    },
  );
});

test('git gets the proxies and certificates this program has, and nothing else', () => {
  const env = {
    HTTPS_PROXY: 'http://p:1',
    HTTP_PROXY: 'http://p:2',
    no_proxy: 'a',
    GIT_SSL_CAINFO: '/c',
    SECRET: 'x',
  };
  expect(gitEnvironment(env)).toEqual({ https_proxy: 'http://p:1', no_proxy: 'a', GIT_SSL_CAINFO: '/c' });
  expect(gitEnvironment({ https_proxy: 'http://q:1', HTTPS_PROXY: 'http://p:1', http_proxy: '' })).toEqual({
    https_proxy: 'http://q:1',
  });
});
