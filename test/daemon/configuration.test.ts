import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configJsonSchema, loadConfig } from '../../src/config/load-config.js';
import { daemonConfigSchema } from '../../src/daemon/config.js';
import { SimulatedWorld } from '../../src/gateways/simulated/world.js';
import { repository } from '../support/source-files.js';

/** Every key of the known system's configuration, and what it reads from the environment. */
const KNOWN_KEYS = [
  'daemon.runtime.containerRuntime.runtime',
  'daemon.runtime.containerRuntime.containerd.socket',
  'daemon.runtime.containerRuntime.mounts.proc',
  'daemon.runtime.containerRuntime.nodeToContainerMapping',
  'daemon.runtime.containerRuntime.registryFacadeHost',
  ...['kubeconfig', 'namespace', 'secretsNamespace', 'workspaceCIDR'].map((key) => `daemon.runtime.${key}`),
  ...['workingArea', 'workingAreaNode', 'tempDir'].map((key) => `daemon.content.${key}`),
  ...['stage', 'kind', 'blobQuota'].map((key) => `daemon.content.storage.${key}`),
  ...['credentialsFile', 'region', 'projectId'].map((key) => `daemon.content.storage.gcloud.${key}`),
  ...['endpoint', 'accessKey', 'accessKeyFile', 'secretKey', 'secretKeyFile', 'secure', 'region'].map(
    (key) => `daemon.content.storage.minio.${key}`,
  ),
  ...['parallelUpload', 'bucket'].map((key) => `daemon.content.storage.minio.${key}`),
  ...['bucket', 'region', 'credentialsFile'].map((key) => `daemon.content.storage.s3.${key}`),
  ...['timeout', 'attempts', 'period'].map((key) => `daemon.content.backup.${key}`),
  'daemon.content.userNamespaces.fsShift',
  ...['command', 'args'].map((key) => `daemon.content.initializer.${key}`),
  ...['procLocation', 'rootUIDRange', 'userUIDRange'].map((key) => `daemon.uidmapper.${key}`),
  ...['cpulimit', 'ioLimit', 'procLimit', 'netlimit', 'oomScores'].map((key) => `daemon.${key}`),
  ...['enabled', 'interval', 'locations'].map((key) => `daemon.disk.${key}`),
  'daemon.workspaceController.maxConcurrentReconciles',
  'daemon.registryFacadeHost',
  'service.address',
  ...['caPath', 'certPath', 'keyPath'].map((key) => `service.tls.${key}`),
  ...[
    'NODENAME',
    'KUBE_STAGE',
    'JAEGER_*',
    'TELEPRESENCE_ROOT',
    'GIT_SSL_CAPATH',
    'GIT_SSL_CAINFO',
    'http_proxy',
  ],
];

/** Of storages of one kind only: their default is not that of another. */
const OF_ONE_KIND = /^storage\./;

const text = readFileSync(join(repository, 'docs/configuration.md'), 'utf8');
const [ours = '', known = ''] = text.split('## Keys of the known system');

describe('the documentation of the configuration', () => {
  it('has every key, and none that does not exist', () => {
    expect(keysIn(ours).map(({ key }) => key)).toEqual(expect.arrayContaining([...schemaKeys()]));
    expect(keysIn(ours).filter(({ key }) => !schemaKeys().has(key))).toEqual([]);
  });

  it('tells what became of every key of the known system, and leads to keys that exist', () => {
    expect(
      keysIn(known)
        .map(({ key }) => key)
        .sort(),
    ).toEqual([...KNOWN_KEYS].sort());
    const targets = keysIn(known).filter(
      ({ value }) => value !== undefined && !/^(kept|dropped)$/.test(value),
    );
    const keys = [...schemaKeys()];
    const lost = targets.filter(({ value = '' }) => !keys.some((key) => `${key}.`.startsWith(`${value}.`)));
    expect(lost).toEqual([]);
  });

  const defaults = keysIn(ours).filter(({ key, value }) => value !== undefined && !OF_ONE_KIND.test(key));
  it.each(defaults)('tells the true default of $key', async ({ key, value = '' }) => {
    if (value === 'local') return;
    const name = key.split('.').map((part) => part.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase());
    const port = key.startsWith('http.') ? { STEWARD_DAEMON_HTTP_PORT: '1' } : {};
    const said = { ...port, [`STEWARD_DAEMON_${name.join('_')}`]: value };
    expect(await configFrom(said)).toEqual(await configFrom(port));
  });
});

function configFrom(env: Readonly<Record<string, string>>) {
  const overrides = {
    stateFolder: '/state',
    secretsFolder: '/secrets',
    listen: ['unix:/socket'],
    content: { uid: 0, gid: 0, isRoot: false },
    storage: { folder: '/objects' },
  };
  const { files } = SimulatedWorld.fromSeed(1);
  return loadConfig(files, daemonConfigSchema, { env, envPrefix: 'STEWARD_DAEMON', overrides });
}

/** First and second column of each row; a value that is not in code marks is a word. */
function keysIn(part: string): readonly { readonly key: string; readonly value: string | undefined }[] {
  return [...part.matchAll(/^\| `([^`]+)`[^|]*\| ([^|]*)\|/gm)].map(([, key = '', value = '']) => {
    const plain = value.trim().replaceAll('`', '');
    return { key, value: plain === '' ? undefined : plain };
  });
}

const node = z.object({
  properties: z.record(z.string(), z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  anyOf: z.array(z.unknown()).optional(),
});

function schemaKeys(): ReadonlySet<string> {
  return new Set(leavesOf(configJsonSchema(daemonConfigSchema), ''));
}

function leavesOf(schema: unknown, path: string): readonly string[] {
  const { properties, oneOf, anyOf } = node.parse(schema);
  const choices = (oneOf ?? anyOf ?? []).flatMap((choice) => leavesOf(choice, path));
  if (choices.some((key) => key !== path)) return choices;
  if (properties === undefined) return [path];
  return Object.entries(properties).flatMap(([key, inner]) =>
    leavesOf(inner, path === '' ? key : `${path}.${key}`),
  );
}
