import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { joinSecrets, splitSecrets } from '../../src/content/secrets.js';
import { WorkspaceInitializer } from '../../src/gen/content-service-api/initializer.js';

const git = {
  git: {
    remoteUri: 'https://example.org/x',
    config: { authUser: 'ada', authPassword: 'pw', authOts: 'ots' },
  },
};

test('secrets are named by their place, in git, prebuilds and composites', () => {
  const initializer = WorkspaceInitializer.fromJSON({
    composite: { initializer: [git, { prebuild: { git: [git.git] } }, { empty: {} }] },
  });
  const { initializer: open, secrets } = splitSecrets(initializer);
  expect(Object.keys(secrets)).toEqual([
    'initializer.composite.0.git.auth_password',
    'initializer.composite.0.git.auth_ots',
    'initializer.composite.1.prebuild.0.git.auth_password',
    'initializer.composite.1.prebuild.0.git.auth_ots',
  ]);
  const text = JSON.stringify(WorkspaceInitializer.toJSON(open));
  expect(text).toContain('ada');
  expect(text).not.toMatch(/"pw"|"ots"/);
});

test('taking secrets out does not change the input, and another secret leaves the same request', () => {
  const initializer = WorkspaceInitializer.fromJSON(git);
  const before = structuredClone(initializer);
  const { initializer: open } = splitSecrets(initializer);
  expect(initializer).toEqual(before);
  const renewed = WorkspaceInitializer.fromJSON({
    git: { ...git.git, config: { ...git.git.config, authPassword: 'x' } },
  });
  expect(splitSecrets(renewed).initializer).toEqual(open);
});

const config = fc.record({ authUser: fc.string(), authPassword: fc.string(), authOts: fc.string() });
const one = fc.record({ git: fc.record({ remoteUri: fc.string(), config }) });
const initializers = fc.oneof(
  one,
  fc.record({ composite: fc.record({ initializer: fc.array(one) }) }),
  fc.record({ prebuild: fc.record({ git: fc.array(one.map(({ git: inner }) => inner)) }) }),
);

property.prop([initializers])('putting secrets back gives the original', (json) => {
  const initializer = WorkspaceInitializer.fromJSON(json);
  const { initializer: open, secrets } = splitSecrets(initializer);
  expect(joinSecrets(open, secrets)).toEqual(initializer);
});
