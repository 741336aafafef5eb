import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { childNameOf } from '../../src/bridge/cluster/cluster.js';
import type { ClusterLink } from '../../src/bridge/cluster/cluster-link.js';
import { ClusterFleet, type Follower } from '../../src/bridge/clusters/fleet.js';
import type { WorkspaceCluster } from '../../src/bridge/clusters/workspace-cluster.js';
import { StewardError } from '../../src/errors/steward-error.js';
import { NORMAL } from '../../src/supervision/exit.js';
import type { SupervisorSpec } from '../../src/supervision/spec.js';
import { startSupervisor } from '../../src/supervision/start.js';
import { clusterNamed } from '../bridge/support/clusters.js';
import { hastyWorld } from '../support/hasty-world.js';

type Change =
  | { readonly kind: 'set'; readonly name: string; readonly url: string; readonly score: number }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'unreadable' | 'refresh' | 'pass' };

const name = fc.constantFrom('a', 'b', 'odd/name');
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    name,
    url: fc.constantFrom('unix:/one', 'unix:/two'),
    score: fc.nat(3),
  }),
  fc.record({ kind: fc.constant('remove' as const), name }),
  fc
    .constantFrom(...(['unreadable', 'refresh', 'refresh', 'pass', 'pass'] as const))
    .map((kind) => ({ kind })),
);

/** Registered clusters that change while a fleet follows them, each step of both in the scheduler's hands. */
class Scenario {
  readonly registered = new Map<string, WorkspaceCluster>();
  /** Urls that are followed now, by name: two at once would write the same rows. */
  readonly running = new Map<string, string[]>();
  readonly fleet: ClusterFleet;
  readonly #scheduler: fc.Scheduler;
  #isUnreadable = false;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
    this.fleet = new ClusterFleet({
      sources: {
        followed: async () => {
          const found = [...this.registered.values()];
          await scheduler.schedule(Promise.resolve(), 'read');
          const isUnreadable = this.#isUnreadable;
          this.#isUnreadable = false;
          if (isUnreadable) throw new StewardError('unavailable', 'the database is away');
          return found;
        },
      },
      clock: hastyWorld().clock,
      intervalMs: 1,
      logger: pino({ level: 'silent' }),
      create: (link) => this.#follower(link),
    });
  }

  apply(what: Change): void {
    switch (what.kind) {
      case 'set':
        this.registered.set(what.name, clusterNamed(what.name, { url: what.url, score: what.score }));
        return;
      case 'remove':
        this.registered.delete(what.name);
        return;
      case 'unreadable':
        this.#isUnreadable = true;
        return;
      case 'refresh':
        this.fleet.refresh().catch(() => undefined);
        return;
      case 'pass':
    }
  }

  async pass(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#scheduler.count() > 0) await this.#scheduler.waitOne();
    }
  }

  /** What is awaited, with everything else going on meanwhile. */
  async during<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false;
    const over = work.finally(() => {
      isOver = true;
    });
    over.catch(() => undefined);
    while (!isOver) await this.pass();
    return over;
  }

  #follower(link: ClusterLink): Follower {
    const { name: cluster, url } = link.cluster;
    return {
      link,
      firstList: Promise.resolve(),
      resume: () => true,
      resetVersions: async () => [],
      relist: () => undefined,
      spec: () => ({
        kind: 'supervisor',
        name: childNameOf(cluster),
        restart: 'permanent',
        supervisor: {
          strategy: 'one-for-one',
          children: [
            {
              kind: 'worker',
              name: 'stream',
              restart: 'permanent',
              shutdown: 'infinity',
              start: async ({ signal }) => {
                await this.#scheduler.schedule(Promise.resolve(), 'start');
                this.running.set(cluster, [...(this.running.get(cluster) ?? []), url]);
                const ended = new Promise<void>((resolve) => {
                  if (signal.aborted) resolve();
                  signal.addEventListener('abort', () => resolve());
                });
                const exit = ended
                  .then(() => this.#scheduler.schedule(Promise.resolve(), 'stop'))
                  .then(() => {
                    this.running.set(cluster, (this.running.get(cluster) ?? []).slice(1));
                    return NORMAL;
                  });
                return { exit };
              },
            },
          ],
        },
      }),
    };
  }
}

describe('the fleet of clusters', () => {
  it('follows each registered cluster once, as it is registered now, however the changes come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(change, { maxLength: 20 }), async (scheduler, changes) => {
        const scenario = new Scenario(scheduler);
        const { fleet } = scenario;
        const { clock, random } = hastyWorld();
        const spec: SupervisorSpec = { strategy: 'one-for-one', children: [fleet.spec()] };
        const root = await startSupervisor('bridge', spec, { clock, random });
        await scenario.during(fleet.start(root));
        for (const what of changes) {
          scenario.apply(what);
          if (what.kind === 'pass') await scenario.pass();
          for (const urls of scenario.running.values()) expect(urls.length).toBeLessThan(2);
        }
        // The look that failed, if the last one did, is followed by another.
        await scenario.during(fleet.refresh().catch(() => fleet.refresh()));
        const wanted = [...scenario.registered.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
        expect(fleet.links.map(({ cluster }) => cluster)).toEqual(wanted);
        const running = [...scenario.running].filter(([, urls]) => urls.length > 0);
        expect(new Map(running)).toEqual(new Map(wanted.map(({ name: of, url }) => [of, [url]])));
        await scenario.during(fleet.stop(root));
        expect([...scenario.running.values()].flat()).toEqual([]);
        await scenario.during(root.stop());
      }),
      { numRuns: 300 },
    );
  });
});
