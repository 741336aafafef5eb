import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { QUEUE_NAMES, type QueueName } from '../../../src/daemon/queues/queue-limits.js';
import { showQueues } from '../../../src/daemon/queues/queue-metrics.js';
import { Queues } from '../../../src/daemon/queues/queues.js';
import { SimulatedWorld } from '../../../src/gateways/simulated/world.js';
import { type Gate, gate } from '../../support/intercepted-files.js';

const never = new AbortController().signal;

function queuesOf(concurrency = 1, waitMs = 60_000, workMs = 60_000) {
  const world = SimulatedWorld.fromSeed(1);
  const limit = { concurrency, waitMs };
  const queues = new Queues({
    clock: world.clock,
    limits: { setup: limit, backup: limit, snapshot: limit },
    workMs: { setup: workMs, backup: workMs, snapshot: workMs },
  });
  return { world, queues };
}

describe('the queues', () => {
  it('give turns in the order they were asked for', async () => {
    const { queues } = queuesOf();
    const gates = [gate(), gate(), gate()];
    const begun: number[] = [];
    const done = gates.map((one, index) =>
      queues.run('backup', never, async () => {
        begun.push(index);
        await one.passed;
        return index;
      }),
    );
    expect(begun).toEqual([0]);
    for (const one of gates) one.open();
    expect(await Promise.all(done)).toEqual([0, 1, 2]);
    expect(begun).toEqual([0, 1, 2]);
  });

  it('keep slow set-ups away from backups', async () => {
    const { queues } = queuesOf();
    const slow = gate();
    const setup = queues.run('setup', never, () => slow.passed);
    expect(await queues.run('backup', never, async () => 'saved')).toBe('saved');
    expect(await queues.run('snapshot', never, async () => 'taken')).toBe('taken');
    slow.open();
    await setup;
  });

  it('keep the slot of work that was given up until it has really ended', async () => {
    const { queues } = queuesOf();
    const ending = gate();
    const leaving = new AbortController();
    const first = queues.run('backup', leaving.signal, async () => {
      await ending.passed;
      throw new Error('ended late');
    });
    let began = false;
    const second = queues.run('backup', never, async () => {
      began = true;
    });
    leaving.abort(new Error('given up'));
    await settle();
    expect(began).toBe(false);
    expect(queues.state('backup')).toMatchObject({ running: 1, waiting: 1 });
    ending.open();
    await expect(first).rejects.toThrow('ended late');
    await second;
    expect(began).toBe(true);
  });

  it('let one that waits go at once, and never run its work', async () => {
    const { queues } = queuesOf();
    const busy = gate();
    const first = queues.run('setup', never, () => busy.passed);
    const leaving = new AbortController();
    let began = false;
    let queued = 0;
    const second = queues.run(
      'setup',
      leaving.signal,
      async () => {
        began = true;
      },
      { waiter: 'i2', onQueued: () => (queued += 1) },
    );
    expect(queues.isWaiting('i2')).toBe(true);
    leaving.abort(new Error('disposed'));
    await expect(second).rejects.toThrow('disposed');
    expect(queues.isWaiting('i2')).toBe(false);
    expect(queues.state('setup')).toMatchObject({ waiting: 0, running: 1 });
    busy.open();
    await first;
    await settle();
    expect([began, queued]).toEqual([false, 1]);
    await expect(queues.run('setup', leaving.signal, async () => 1)).rejects.toThrow('disposed');
  });

  it('begin to count the time of the work with its turn, and the wait apart', async () => {
    const { world, queues } = queuesOf(1, 100_000, 50_000);
    const first = queues.run('backup', never, untilAborted);
    const second = queues.run('backup', never, untilAborted);
    const ends = [caught(first), caught(second)];
    await world.time.advance(49_000);
    expect(queues.state('backup')).toEqual({
      waiting: 1,
      running: 1,
      slots: 1,
      oldestWaitingMs: 49_000,
      oldestRunningMs: 49_000,
    });
    await world.time.advance(1_000);
    expect(await ends[0]).toMatchObject({ code: 'deadline-exceeded' });
    await world.time.advance(49_000);
    expect(queues.state('backup')).toMatchObject({ running: 1, oldestRunningMs: 49_000 });
    await world.time.advance(1_000);
    expect(await ends[1]).toMatchObject({ code: 'deadline-exceeded' });
  });

  it('end a wait that takes too long, without ever running beside the limit', async () => {
    const { world, queues } = queuesOf(1, 10_000);
    const registry = new Registry();
    showQueues(queues, registry);
    const busy = gate();
    const first = queues.run('backup', never, () => busy.passed);
    const second = caught(queues.run('backup', never, async () => 'ran'));
    await world.time.advance(10_000);
    expect(await second).toMatchObject({ code: 'overloaded' });
    const shown = await registry.metrics();
    expect(shown).toContain('gitpod_ws_daemon_concurrent_backup_waiting_timeout_total_mk2 1');
    expect(shown).toContain('gitpod_ws_daemon_concurrent_backup_waiting_seconds_mk2_bucket{le="1800"} 1');
    expect(shown).toContain('steward_queue_running{queue="backup"} 1');
    expect(shown).toContain('steward_queue_oldest_running_seconds{queue="backup"} 10');
    busy.open();
    await first;
  });

  it('give no turn after they were drained; what runs goes on', async () => {
    const { queues } = queuesOf();
    const busy = gate();
    const first = queues.run('snapshot', never, () => busy.passed);
    const leaving = new AbortController();
    const second = queues.run('snapshot', leaving.signal, async () => 'ran', { waiter: 'i2' });
    queues.drain();
    busy.open();
    await first;
    await settle();
    expect(queues.isWaiting('i2')).toBe(true);
    leaving.abort(new Error('the daemon is stopping'));
    await expect(second).rejects.toThrow('the daemon is stopping');
  });

  it('never exceed their concurrency, and run everything that nobody gave up', async () => {
    const piece = fc.record({
      queue: fc.constantFrom(...QUEUE_NAMES),
      fails: fc.boolean(),
      leaves: fc.constantFrom('never', 'before', 'during'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (pieces, most) => {
          const { queues } = queuesOf(most);
          const running = new Map<QueueName, number>();
          const ran = new Set<number>();
          let peak = 0;
          const gates: Gate[] = pieces.map(() => gate());
          const leavers = pieces.map(() => new AbortController());
          const results = pieces.map(({ queue, fails }, index) =>
            caught(
              queues.run(queue, leavers[index]?.signal ?? never, async () => {
                ran.add(index);
                running.set(queue, (running.get(queue) ?? 0) + 1);
                peak = Math.max(peak, running.get(queue) ?? 0);
                await gates[index]?.passed;
                running.set(queue, (running.get(queue) ?? 0) - 1);
                if (fails) throw new Error('failed');
              }),
            ),
          );
          pieces.forEach(({ leaves }, index) => {
            if (leaves === 'before') leavers[index]?.abort(new Error('left'));
          });
          for (const [index, one] of gates.entries()) {
            if (pieces[index]?.leaves === 'during') leavers[index]?.abort(new Error('left'));
            one.open();
            await settle();
          }
          await Promise.all(results);
          expect(peak).toBeLessThanOrEqual(most);
          pieces.forEach(({ leaves }, index) => {
            if (leaves === 'never') expect(ran.has(index)).toBe(true);
          });
          for (const name of QUEUE_NAMES)
            expect(queues.state(name)).toMatchObject({ waiting: 0, running: 0 });
        },
      ),
      { numRuns: 60 },
    );
  });
});

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function caught(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Lets everything happen that waits for nothing. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
