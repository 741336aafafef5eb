import { describe, expect, it, vi } from 'vitest';
import { STREAM_STEADY_MS } from '../../../src/bridge/bounds.js';
import { ClusterLink } from '../../../src/bridge/cluster/cluster-link.js';
import { StatusStream } from '../../../src/bridge/cluster/status-stream.js';
import type { ManagerClient } from '../../../src/bridge/clusters/manager-service.js';
import { StewardError } from '../../../src/errors/steward-error.js';
import { SubscribeResponse } from '../../../src/gen/ws-manager-api/core.js';
import { clusterNamed } from '../support/clusters.js';
import { ManualClock, steadyRandom } from '../support/manual-clock.js';
import { statusOf } from '../support/statuses.js';

/** One subscription, as the test drives it. */
class Subscription {
  readonly started: Promise<void>;
  accept: () => void = () => undefined;
  onEnd: () => void = () => undefined;
  cancelled = false;
  #end: (error: Error) => void = () => undefined;
  #send: (response: SubscribeResponse) => void = () => undefined;
  #next = this.#wait();

  constructor() {
    this.started = new Promise((resolve) => {
      this.accept = resolve;
    });
  }

  send(id: string): void {
    this.#send(SubscribeResponse.fromPartial({ status: statusOf({ id, version: 1n, phase: 'running' }) }));
  }

  fail(): void {
    this.onEnd();
    this.#end(new StewardError('unavailable', 'connection lost'));
  }

  cancel(): void {
    this.cancelled = true;
    this.#end(new StewardError('cancelled', 'cancelled'));
  }

  async *[Symbol.asyncIterator](): AsyncIterator<SubscribeResponse> {
    while (true) {
      const response = await this.#next;
      this.#next = this.#wait();
      yield response;
    }
  }

  #wait(): Promise<SubscribeResponse> {
    const next = new Promise<SubscribeResponse>((resolve, reject) => {
      this.#send = resolve;
      this.#end = reject;
    });
    next.catch(() => undefined);
    return next;
  }
}

function setUp() {
  const clock = new ManualClock();
  const link = new ClusterLink(clusterNamed('local'), clock);
  const subscriptions: Subscription[] = [];
  const events: string[] = [];
  const client: Pick<ManagerClient, 'subscribe'> = {
    subscribe: (_request, options) => {
      const subscription = new Subscription();
      const cancel = () => subscription.cancel();
      options?.signal?.addEventListener('abort', cancel);
      subscription.onEnd = () => options?.signal?.removeEventListener('abort', cancel);
      subscriptions.push(subscription);
      events.push('subscribe');
      return subscription;
    },
  };
  const controller = new AbortController();
  const stream = new StatusStream({
    client,
    link,
    clock,
    random: steadyRandom,
    stallMs: 60_000,
    onStatus: (status) => events.push(status.id),
    onSubscribed: () => events.push('list'),
    onEnded: (error) => events.push(error.message),
  });
  const done = stream.run(controller.signal);
  const stop = () => {
    controller.abort();
    return done;
  };
  return { clock, link, subscriptions, events, stop };
}

describe('the stream of statuses', () => {
  it('asks for a list when the subscription stands, not before', async () => {
    const { subscriptions, events, link, stop } = setUp();
    expect(events).toEqual(['subscribe']);
    subscriptions[0]?.accept();
    await vi.waitFor(() => expect(events).toEqual(['subscribe', 'list']), { timeout: 15_000 });
    expect(link.connected).toBe(true);
    subscriptions[0]?.send('i');
    await vi.waitFor(() => expect(events).toEqual(['subscribe', 'list', 'i']), { timeout: 15_000 });
    await stop();
    expect(link.connected).toBe(false);
  });

  it('lists after a moment when the manager answers late, and again when it does', async () => {
    const { clock, subscriptions, events, stop } = setUp();
    clock.advance(500);
    expect(events).toEqual(['subscribe', 'list']);
    subscriptions[0]?.send('i');
    await vi.waitFor(() => expect(events).toEqual(['subscribe', 'list', 'list', 'i']), { timeout: 15_000 });
    await stop();
  });

  it('stands as soon as a list is answered, when its manager has nothing to say', async () => {
    const { clock, link, subscriptions, stop } = setUp();
    link.listed(0);
    expect(link.connected).toBe(false);
    clock.advance(500);
    link.listed(0);
    expect(link.connected).toBe(true);
    subscriptions[0]?.fail();
    await vi.waitFor(() => expect(link.connected).toBe(false), { timeout: 15_000 });
    link.listed(0);
    expect(link.connected).toBe(false);
    await stop();
  });

  it('replaces a stream that is silent for too long, and only such a one', async () => {
    const { clock, subscriptions, events, link, stop } = setUp();
    subscriptions[0]?.accept();
    await vi.waitFor(() => expect(link.connected).toBe(true), { timeout: 15_000 });
    clock.advance(59_000);
    subscriptions[0]?.send('i');
    await vi.waitFor(() => expect(events).toContain('i'), { timeout: 15_000 });
    clock.advance(59_000);
    expect(subscriptions[0]?.cancelled).toBe(false);
    clock.advance(1_000);
    expect(subscriptions[0]?.cancelled).toBe(true);
    await vi.waitFor(() => expect(events.at(-1)).toContain('sent nothing for 60 s'), { timeout: 15_000 });
    expect(link.lastError).toContain('sent nothing');
    clock.advance(1_000);
    await vi.waitFor(() => expect(subscriptions).toHaveLength(2), { timeout: 15_000 });
    await stop();
  });

  it('comes back after growing pauses, and quickly after a stream that worked, not after one that was only taken', async () => {
    const { clock, subscriptions, events, link, stop } = setUp();
    const pause = async () => {
      const before = clock.now();
      const made = subscriptions.length;
      subscriptions.at(-1)?.fail();
      for (let waited = 0; subscriptions.length === made; waited += 1) {
        if (waited > 10_000) throw new Error('no new subscription');
        await new Promise((resolve) => setImmediate(resolve));
        clock.advance(50);
      }
      return clock.now() - before;
    };
    const pauses: number[] = [];
    for (let failure = 0; failure < 9; failure += 1) pauses.push(await pause());
    expect(link.reconnects).toBe(0);
    expect(pauses[0]).toBeLessThan(500);
    expect(pauses[6]).toBeGreaterThan(3_000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(30_100);
    const accept = async () => {
      subscriptions.at(-1)?.accept();
      await vi.waitFor(() => expect(link.connected).toBe(true), { timeout: 15_000 });
    };
    await accept();
    expect(await pause()).toBeGreaterThan(10_000);
    await accept();
    subscriptions.at(-1)?.send('i');
    await vi.waitFor(() => expect(events).toContain('i'), { timeout: 15_000 });
    expect(await pause()).toBeLessThan(500);
    for (let failure = 0; failure < 5; failure += 1) await pause();
    await accept();
    clock.advance(STREAM_STEADY_MS);
    expect(await pause()).toBeLessThan(500);
    await stop();
  });
});
