import { describe, expect, it, vi } from 'vitest';
import { ClusterLink } from '../../../src/bridge/cluster/cluster-link.js';
import { ClusterLister } from '../../../src/bridge/cluster/cluster-lister.js';
import type { OpenRow } from '../../../src/bridge/cluster/open-rows.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { clusterNamed } from '../support/clusters.js';
import { ManualClock, steadyRandom } from '../support/manual-clock.js';
import { statusOf } from '../support/statuses.js';

function setUp(statuses: number, failures = 0, open: readonly OpenRow[] = [], version = 1n) {
  const clock = new ManualClock();
  const link = new ClusterLink(clusterNamed('local'), clock);
  const events: string[] = [];
  let left = failures;
  const lister = new ClusterLister({
    client: {
      getWorkspaces: async () => {
        events.push('list');
        left -= 1;
        if (left >= 0) throw new StewardError('unavailable', 'no manager');
        const status = Array.from({ length: statuses }, (_, index) =>
          statusOf({ id: `i-${index}`, version, phase: 'running' }),
        );
        return { status };
      },
    },
    link,
    clock,
    random: steadyRandom,
    intervalMs: 60_000,
    openRows: async () => {
      events.push('rows');
      return open;
    },
    onStatus: () => events.push('status'),
    onKnown: () => events.push('known'),
    onListed: (_open, instances) => events.push(`listed ${instances.size}`),
    onFailed: (error) => events.push(error.message),
  });
  const controller = new AbortController();
  const done = lister.run(controller.signal);
  const stop = () => {
    controller.abort();
    return done;
  };
  const until = (count: number, what: string) =>
    vi.waitFor(() => expect(events.filter((event) => event === what)).toHaveLength(count), {
      timeout: 15_000,
    });
  return { clock, link, lister, events, stop, until };
}

function openRow(instance: string, version: bigint): OpenRow {
  const times = { creationTime: '', startedTime: '', stoppingTime: '' };
  return { instance, version, region: 'local', phase: 'running', ...times };
}

describe('the lister', () => {
  it('lists when asked and periodically, rows first', async () => {
    const { clock, lister, link, events, stop, until } = setUp(2);
    lister.request();
    await until(1, 'listed 2');
    expect(events).toEqual(['rows', 'list', 'status', 'status', 'listed 2']);
    expect(link.instances).toBe(2);
    clock.advance(59_999);
    clock.advance(1);
    await until(2, 'listed 2');
    await stop();
    expect(clock.timers).toBe(0);
  });

  it('hands on what its row does not say, and counts the rest', async () => {
    const open = [openRow('i-0', 1n), openRow('i-1', 0n), openRow('i-2', 2n)];
    const { lister, events, stop, until } = setUp(4, 0, open);
    lister.request();
    await until(1, 'listed 4');
    expect(events).toEqual(['rows', 'list', 'known', 'status', 'status', 'status', 'listed 4']);
    await stop();
  });

  it('hands on what has no version, whatever its row says', async () => {
    const { lister, events, stop, until } = setUp(1, 0, [openRow('i-0', 0n)], 0n);
    lister.request();
    await until(1, 'listed 1');
    expect(events).toEqual(['rows', 'list', 'status', 'listed 1']);
    await stop();
  });

  it('lists again when it is asked while a list is under way', async () => {
    const { lister, stop, until } = setUp(1);
    lister.request();
    await until(1, 'list');
    lister.request();
    await until(2, 'listed 1');
    await stop();
  });

  it('tries again soon after a failure, and tells it', async () => {
    const { clock, lister, link, stop, until } = setUp(1, 1);
    lister.request();
    await until(1, 'no manager');
    expect([link.lastError, link.listedAt]).toEqual(['no manager', undefined]);
    await vi.waitFor(() => expect(clock.timers).toBe(1), { timeout: 15_000 });
    clock.advance(1_000);
    await until(1, 'listed 1');
    await stop();
  });

  it('keeps its pause after a failure also when it is asked', async () => {
    const { clock, events, lister, stop, until } = setUp(1, 1);
    lister.request();
    await until(1, 'no manager');
    await vi.waitFor(() => expect(clock.timers).toBe(1), { timeout: 15_000 });
    for (let time = 0; time < 5; time += 1) {
      lister.request();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(events.filter((event) => event === 'list')).toHaveLength(1);
    clock.advance(1_000);
    await until(1, 'listed 1');
    await stop();
  });

  it('gives way to others while it hands on a large list', async () => {
    const { clock, lister, events, stop, until } = setUp(1_200);
    lister.request();
    await vi.waitFor(() => expect(events).toContain('status'), { timeout: 15_000 });
    expect(events).not.toContain('listed 1200');
    await vi.waitFor(
      () => {
        clock.advance(0);
        expect(events).toContain('listed 1200');
      },
      { timeout: 15_000 },
    );
    await until(1_200, 'status');
    await stop();
  });
});
