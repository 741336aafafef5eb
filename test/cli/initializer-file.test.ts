import { describe, expect, it } from 'vitest';
import { initializerFromJson } from '../../src/cli/initializer-file.js';
import { CloneTargetMode } from '../../src/gen/content-service-api/initializer.js';

const read = (value: unknown) => initializerFromJson(JSON.stringify(value), 'file.json');

describe('an initializer from a file', () => {
  it('takes nested sources, names of the .proto or in camelCase, and enums by name', () => {
    const { spec } = read({
      composite: {
        initializer: [
          { git: { remote_uri: 'git://h/x', target_mode: 'REMOTE_BRANCH', clone_taget: 'main' } },
          { download: { files: [{ url: 'https://h/f', filePath: 'f', digest: '' }], target_location: 'd' } },
          { snapshot: { snapshot: 'a/b@c', fromVolumeSnapshot: false } },
        ],
      },
    });
    expect(spec).toMatchObject({
      $case: 'composite',
      value: {
        initializer: [
          {
            spec: {
              value: {
                remoteUri: 'git://h/x',
                targetMode: CloneTargetMode.REMOTE_BRANCH,
                cloneTaget: 'main',
              },
            },
          },
          { spec: { value: { files: [{ filePath: 'f' }], targetLocation: 'd' } } },
          { spec: { value: { snapshot: 'a/b@c' } } },
        ],
      },
    });
  });

  it('leaves the keys of the user as they are', () => {
    const customConfig = { 'core.auto_crlf': 'false' };
    const { spec } = read({ git: { remoteUri: 'git://h/x', config: { custom_config: customConfig } } });
    expect(spec).toMatchObject({ value: { config: { customConfig } } });
  });

  it('takes defaults that are written out', () => {
    const git = { remoteUri: 'git://h/x', targetMode: 'REMOTE_HEAD', fullClone: false, checkoutLocation: '' };
    expect(read({ git }).spec).toMatchObject({ value: { targetMode: CloneTargetMode.REMOTE_HEAD } });
  });

  it('takes empty, which holds nothing', () => {
    expect(read({ empty: {} })).toEqual({ spec: { $case: 'empty', value: {} } });
  });

  it.each([
    [{ git: { remoteUrl: 'git://h/x' } }, 'git.remoteUrl'],
    [{ composite: { initializer: [{ empty: {} }, { emty: {} }] } }, 'composite.initializer[1].emty'],
    [{ git: { remoteUri: 'git://h/x', depth: 5 } }, 'git.depth'],
    [{ empty: {}, git: { remoteUri: 'git://h/x' } }, 'has git'],
    [{}, 'names no source'],
    [{ gti: {} }, 'names no source'],
    [[], 'one object'],
    ['git', 'one object'],
    [{ git: { targetMode: 'NO_SUCH_MODE' } }, 'git.targetMode'],
  ])('%j is refused, and what is wrong is named', (value, named) => {
    expect(() => read(value)).toThrow(named);
  });

  it('says that it is not JSON', () => {
    expect(() => initializerFromJson('{', 'file.json')).toThrow('file.json is not JSON');
  });
});
