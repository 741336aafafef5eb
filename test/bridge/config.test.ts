import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bridgeConfigSchema, inOwnWords } from '../../src/bridge/config.js';
import { placesOf } from '../../src/cli/places.js';
import { loadProgramConfig, localSchemas } from '../../src/cli/program-config.js';
import { realWorld } from '../../src/gateways/real/world.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const least = {
  databaseFile: '/var/lib/steward/bridge/steward.db',
  listen: ['unix:/run/steward/bridge.sock'],
};

describe('the configuration of the bridge', () => {
  it('needs a database and an address, and has a default for everything else', () => {
    const config = bridgeConfigSchema.parse({
      ...least,
      clusters: [{ name: 'local', url: 'unix:/run/m.sock' }],
    });
    expect(config).toMatchObject({
      controllerIntervalSeconds: 60,
      stopShareMax: 0.5,
    });
    expect(config.clusters[0]).toMatchObject({ state: 'available', score: 50, maxScore: 100, region: '' });
    expect(config.timeouts).toEqual({
      preparingPhaseSeconds: 3_600,
      buildingPhaseSeconds: 3_600,
      unknownPhaseSeconds: 600,
      pendingPhaseSeconds: 3_600,
      stoppingPhaseSeconds: 3_600,
    });
  });

  it.each([
    ['a wrong key', { ...least, databseFile: 'x' }, ''],
    ['a share above one', { ...least, stopShareMax: 2 }, 'stopShareMax'],
    ['an interval of nothing', { ...least, controllerIntervalSeconds: 0 }, 'controllerIntervalSeconds'],
    ['a cluster without a name', { ...least, clusters: [{ name: '', url: 'x' }] }, 'clusters.0.name'],
    [
      'two clusters of one name but for its case',
      {
        ...least,
        clusters: [
          { name: 'a', url: 'x' },
          { name: 'A', url: 'y' },
        ],
      },
      'clusters',
    ],
    ['no address', { ...least, listen: [] }, 'listen'],
  ])('refuses %s and says where', (_, config, path) => {
    const result = bridgeConfigSchema.safeParse(config);
    expect(result.error?.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });
});

describe('the names of the known system', () => {
  /** As its installer writes it. */
  const known = {
    installation: 'eu00',
    staticBridges: [
      {
        ...{ name: 'eu00', url: 'dns:///ws-manager-mk2:8080', state: 'available', score: 50, maxScore: 100 },
        ...{ govern: true, admissionConstraints: [], applicationCluster: 'eu00', region: '' },
        tls: { ca: '/c/ca.crt', crt: '/c/tls.crt', key: '/c/tls.key' },
      },
    ],
    clusterService: { host: 'localhost', port: 8_080 },
    ...{ wsClusterDBReconcileIntervalSeconds: 60, controllerIntervalSeconds: 60 },
    ...{ controllerMaxDisconnectSeconds: 150, clusterSyncIntervalSeconds: 60 },
    emulatePreparingIntervalSeconds: 10,
    timeouts: {
      ...{ preparingPhaseSeconds: 3_600, buildingPhaseSeconds: 3_600, unknownPhaseSeconds: 600 },
      ...{ pendingPhaseSeconds: 3_600, stoppingPhaseSeconds: 3_600 },
    },
    redis: { address: 'redis:6379' },
  };
  const user = { uid: 0, home: '/root', env: {}, temporary: '/tmp' };
  const load = async (said: object, env: Record<string, string> = {}) => {
    const file = join(await temporaryFolder(), 'bridge.json');
    await writeFile(file, JSON.stringify(said));
    const world = realWorld();
    const { bridge } = await localSchemas({ user, world }, placesOf(user, undefined));
    return inOwnWords(await loadProgramConfig(world, env, 'bridge', bridge, file));
  };

  it('are taken, and mean what ours mean', async () => {
    const { staticBridges, clusterService, ...own } = known;
    const [{ applicationCluster, ...cluster } = {}] = staticBridges;
    const ours = await load({ ...own, clusters: [cluster] });
    expect(ours.clusters).toMatchObject([cluster]);
    const theirs = await load(known);
    expect(theirs).toEqual({ ...ours, listen: [...ours.listen, 'localhost:8080'] });
    expect(Object.keys(theirs)).not.toContain('staticBridges');
    const env = { STEWARD_BRIDGE_CLUSTER_SERVICE_PORT: '9000' };
    expect((await load({}, env)).listen).toEqual([...ours.listen, 'localhost:9000']);
    expect((await load({ clusterService: { host: '::1' } })).listen.at(-1)).toBe('[::1]:8080');
  });

  it.each([
    [
      'an unknown key',
      { staticBridges: [{ name: 'a', url: 'x', scor: 1 }] },
      'staticBridges.0.scor: there is no such key',
    ],
    ['a name twice', { staticBridges: [1, 2].map(() => ({ name: 'a', url: 'x' })) }, 'staticBridges: names'],
    [
      'a score that is none',
      { staticBridges: [{ name: 'a', url: 'x', score: -1 }] },
      'staticBridges.0.score',
    ],
    [
      'an unknown key of ours',
      { clusters: [{ name: 'a', url: 'x', scor: 1 }] },
      'clusters.0.scor: there is no such key',
    ],
    ['no port', { clusterService: { host: 'localhost', port: 70_000 } }, 'clusterService.port'],
    ['a misspelt key', { clusterService: { prot: 1 } }, 'clusterService.prot'],
    [
      'both names of the clusters',
      { clusters: [], staticBridges: [] },
      'staticBridges: it means the same as clusters',
    ],
    [
      'both names of the addresses',
      { listen: ['unix:/x'], clusterService: {} },
      'clusterService: it means the same as listen',
    ],
  ])('are refused with the key that is wrong: %s', async (_, said, message) => {
    await expect(load(said)).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining(message),
    });
  });

  it('are one, whatever says it', async () => {
    const env = { STEWARD_BRIDGE_LISTEN: '["unix:/x"]' };
    await expect(load({ clusterService: {} }, env)).rejects.toThrow('say only one of them');
  });
});
