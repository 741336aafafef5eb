import { describe, expect, it } from 'vitest';
import { bridgeConfigSchema } from '../../src/bridge/config.js';

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
      'two clusters of one name',
      {
        ...least,
        clusters: [
          { name: 'a', url: 'x' },
          { name: 'a', url: 'y' },
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
