import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClusterLink } from '../../../src/bridge/cluster/cluster-link.js';
import { openManagerChannel } from '../../../src/bridge/clusters/manager-channel.js';
import { NameQueues } from '../../../src/bridge/clusters/name-queues.js';
import { ClusterSources, staticSource } from '../../../src/bridge/clusters/sources.js';
import { StaticClusters } from '../../../src/bridge/clusters/static-clusters.js';
import type { WorkspaceCluster } from '../../../src/bridge/clusters/workspace-cluster.js';
import { bridgeConfigSchema } from '../../../src/bridge/config.js';
import type { StewardError } from '../../../src/errors/steward-error.js';
import { realWorld } from '../../../src/gateways/real/world.js';
import { deferred } from '../../grpc/running-server.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { clusterNamed } from '../support/clusters.js';

const source = (...clusters: readonly WorkspaceCluster[]) => staticSource(async () => clusters);
const certificates = (word: string) => ({ ca: word, crt: word, key: word });

describe('the sources of clusters', () => {
  const configured = [
    clusterNamed('both', { url: 'configured:1', tls: certificates('c'), score: 10, isStatic: true }),
    clusterNamed('only-configured', { isStatic: true }),
  ];
  const stored = [
    clusterNamed('both', { url: 'stored:1', tls: certificates('s'), score: 90, state: 'cordoned' }),
    clusterNamed('only-stored'),
  ];
  const sources = new ClusterSources([source(...configured), source(...stored)]);

  it('have a cluster by its name from the configuration first', async () => {
    expect(await sources.find('both')).toEqual(configured[0]);
    expect(await sources.find('only-stored')).toEqual(stored[1]);
    expect(await sources.find('nobody')).toBeUndefined();
  });

  it('have all of them, where the database has the last word', async () => {
    expect(await sources.list()).toEqual([stored[0], configured[1], stored[1]]);
  });

  it('have them to be followed as the configuration reaches them and the database rules them', async () => {
    const followed = await sources.followed();
    expect(followed.find(({ name }) => name === 'both')).toEqual({
      ...clusterNamed('both', { score: 90, state: 'cordoned' }),
      url: 'configured:1',
      tls: certificates('c'),
    });
    expect(followed).toHaveLength(3);
  });
});

describe('clusters of the configuration', () => {
  it('have the certificates that their files hold now', async () => {
    const folder = await temporaryFolder();
    const tls = { ca: join(folder, 'ca'), crt: join(folder, 'crt'), key: join(folder, 'key') };
    for (const [member, path] of Object.entries(tls)) await writeFile(path, `the ${member}`);
    const clusters = bridgeConfigSchema.shape.clusters.parse([
      {
        name: 'a',
        url: 'x:1',
        tls,
        admissionConstraints: [{ type: 'has-permission', permission: 'developer' }],
      },
    ]);
    const statics = new StaticClusters({
      files: realWorld().files,
      configured: clusters,
      onProblem: () => undefined,
    });
    const read = async () => (await statics.read())[0];
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    expect(await read()).toMatchObject({
      ...{ name: 'a', url: 'x:1', state: 'available', score: 50, maxScore: 100, isStatic: true },
      tls: { ca: base64('the ca'), crt: base64('the crt'), key: base64('the key') },
      admissionConstraints: [{ type: 'has-permission', permission: 'developer' }],
    });
    await writeFile(tls.crt, 'a new one');
    expect((await read())?.tls?.crt).toBe(base64('a new one'));
  });

  it('are read though the files of one cannot be: it keeps what they held, or is connected to by nobody', async () => {
    const folder = await temporaryFolder();
    const filesOf = (name: string) => ({
      ...{
        ca: join(folder, `${name}.ca`),
        crt: join(folder, `${name}.crt`),
        key: join(folder, `${name}.key`),
      },
    });
    for (const path of Object.values(filesOf('a'))) await writeFile(path, '-----BEGIN OLD');
    const configured = bridgeConfigSchema.shape.clusters.parse([
      ...['a', 'b'].map((name) => ({ name, url: `${name}:1`, tls: filesOf(name) })),
      { name: 'c', url: 'c:1' },
    ]);
    const problems: string[] = [];
    const onProblem = (cluster: string, { code }: StewardError) => problems.push(`${cluster}: ${code}`);
    const statics = new StaticClusters({ files: realWorld().files, configured, onProblem });
    const sources = new ClusterSources([staticSource(() => statics.read()), source(clusterNamed('stored'))]);
    const { clock } = realWorld();
    const before = await sources.followed();
    expect(before.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'stored']);
    const b = before.find(({ name }) => name === 'b');
    expect(b?.problem).toContain('tls.ca of "b"');
    expect(() => openManagerChannel(b ?? clusterNamed('b'), clock)).toThrow('tls.ca is empty');

    await rm(filesOf('a').key);
    await writeFile(filesOf('a').crt, 'a new one');
    const [a] = await sources.followed();
    expect(a).toMatchObject({
      name: 'a',
      tls: before[0]?.tls,
      problem: expect.stringContaining('tls.key of "a"'),
    });
    expect(new ClusterLink(a ?? clusterNamed('a'), clock).lastError).toContain('tls.key of "a"');
    expect(problems).toEqual(['b: invalid-config', 'a: invalid-config']);
    await writeFile(filesOf('a').key, 'a new one');
    expect((await sources.followed())[0]?.problem).toBeUndefined();
  });
});

describe('work on names', () => {
  it('goes in order for each of them, and is refused when too much of it waits', async () => {
    const queues = new NameQueues();
    const held = deferred();
    const order: number[] = [];
    const all = Array.from({ length: 16 }, (_, index) =>
      queues.run('a', async () => {
        await held.promise;
        order.push(index);
      }),
    );
    await expect(queues.run('a', async () => undefined)).rejects.toMatchObject({ code: 'overloaded' });
    expect(await queues.run('b', async () => 'at once')).toBe('at once');
    held.resolve();
    await Promise.all(all);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    await expect(queues.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await queues.run('a', async () => 'again')).toBe('again');
  });
});
