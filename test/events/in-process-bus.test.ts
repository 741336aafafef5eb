import { describe, expect, it } from 'vitest';
import type { PublishedEvent } from '../../src/events/event-publisher.js';
import { InProcessBus } from '../../src/events/in-process-bus.js';

function event(sequence: number): PublishedEvent {
  return { channel: 'c', payload: '{}', key: 'k', sequence, at: 0 };
}

async function take(events: AsyncIterable<PublishedEvent>, count: number): Promise<number[]> {
  const taken: number[] = [];
  for await (const { sequence } of events) {
    taken.push(sequence);
    if (taken.length === count) break;
  }
  return taken;
}

describe('the in-process bus', () => {
  it('gives every subscriber everything from its subscription on, in order', async () => {
    const bus = new InProcessBus();
    const { signal } = new AbortController();
    await bus.publish(event(0));
    const early = bus.subscribe(signal);
    await bus.publish(event(1));
    const late = bus.subscribe(signal);
    await bus.publish(event(2));
    expect(await take(early, 2)).toEqual([1, 2]);
    expect(await take(late, 1)).toEqual([2]);
    expect(bus.subscribers).toBe(0);
  });

  it('wakes a subscriber that waits', async () => {
    const bus = new InProcessBus();
    const waiting = take(bus.subscribe(new AbortController().signal), 1);
    await bus.publish(event(7));
    expect(await waiting).toEqual([7]);
  });

  it('cuts off a subscriber that is too slow and disturbs nobody else', async () => {
    const bus = new InProcessBus(2);
    const { signal } = new AbortController();
    const slow = bus.subscribe(signal);
    for (const sequence of [1, 2, 3]) await bus.publish(event(sequence));
    const other = bus.subscribe(signal);
    await bus.publish(event(4));
    expect(await take(other, 1)).toEqual([4]);
    await expect(take(slow, 3)).rejects.toMatchObject({ code: 'overloaded' });
  });

  it('ends a subscription when its signal aborts', async () => {
    const bus = new InProcessBus();
    const controller = new AbortController();
    const taken = take(bus.subscribe(controller.signal), 5);
    await bus.publish(event(1));
    controller.abort();
    expect(await taken).toEqual([1]);
    expect(bus.subscribers).toBe(0);
    expect(await take(bus.subscribe(controller.signal), 1)).toEqual([]);
  });
});
