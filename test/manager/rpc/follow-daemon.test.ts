import { describe, expect, it, onTestFinished } from 'vitest';
import { StewardError } from '../../../src/errors/steward-error.js';
import { SimulatedClock } from '../../../src/gateways/simulated/clock.js';
import {
  ContentServiceService,
  type WatchTransitionsRequest,
  type WatchTransitionsResponse,
} from '../../../src/gen/steward/v1/content_service.js';
import { Transition } from '../../../src/gen/steward/v1/transition.js';
import { createClient } from '../../../src/grpc/client.js';
import type { Handlers } from '../../../src/grpc/service-types.js';
import { DAEMON_STREAM_AWAY_MS } from '../../../src/manager/bounds.js';
import { followDaemon } from '../../../src/manager/rpc/steward/follow-daemon.js';
import { steadyRandom } from '../../bridge/support/manual-clock.js';
import { connectTo, startServer, world } from '../../grpc/running-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

const NODE = 'n';

/** A daemon that keeps what it told, over its restarts. */
class Daemon {
  readonly clock = new SimulatedClock();
  readonly random = steadyRandom;
  /** When each was told: the first has number 1. */
  kept: number[] = [];
  failure: StewardError | undefined;
  calls = 0;
  #wake: (() => void)[] = [];
  #cut = new StewardError('unavailable', 'never cut');
  #generation = 0;

  tell(): void {
    this.kept.push(this.clock.now() + this.kept.length);
    this.#rouse();
  }

  /** Every stream breaks off; until `back` nobody gets another. */
  leave(failure = new StewardError('unavailable', 'connection refused')): void {
    this.failure = failure;
    this.#cut = failure;
    this.#generation += 1;
    this.#rouse();
  }

  back(): void {
    this.failure = undefined;
  }

  watchTransitions(request: WatchTransitionsRequest, options?: { signal?: AbortSignal }) {
    this.calls += 1;
    const events = this.#events(request, options?.signal);
    return Object.assign(events, { started: Promise.resolve(), cancel: () => undefined });
  }

  async *#events(
    { fromSequence, fromSequenceByNode, follow }: WatchTransitionsRequest,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchTransitionsResponse> {
    if (this.failure !== undefined) throw this.failure;
    signal?.addEventListener('abort', () => this.#rouse(), { once: true });
    const generation = this.#generation;
    const newest = this.kept.length;
    let next = Number(fromSequenceByNode[NODE] ?? fromSequence ?? newest + 1);
    let hasCaughtUp = false;
    while (true) {
      if (generation !== this.#generation) throw this.#cut;
      if (signal?.aborted) throw new StewardError('cancelled', 'the caller went away');
      if (!hasCaughtUp && next > newest) {
        hasCaughtUp = true;
        yield { event: { $case: 'caughtUp', value: { node: NODE, sequence: BigInt(newest) } } };
        if (!follow) return;
        continue;
      }
      const at = this.kept[next - 1];
      if (at !== undefined) {
        const value = Transition.fromPartial({ node: NODE, sequence: BigInt(next), atMs: BigInt(at) });
        next += 1;
        yield { event: { $case: 'transition', value } };
        continue;
      }
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #rouse(): void {
    for (const resolve of this.#wake.splice(0)) resolve();
  }
}

/** Only its stream. */
function servedBy(daemon: Daemon): Handlers<ContentServiceService> {
  const other = async () => {
    throw new StewardError('not-implemented', 'not part of this test');
  };
  return {
    watchTransitions: (request, { signal }) => daemon.watchTransitions(request, { signal }),
    ...{ getContent: other, listContent: other, getHistory: other, explain: other, recover: other },
    ...{ listBackups: other, deleteBackup: other, makeBackup: other },
    ...{ listSnapshots: other, deleteSnapshot: other, deleteStoredContent: other },
    ...{ listDrills: other, getLoad: other, restoreBackup: nothing, verifyBackup: nothing },
  };
}

async function* nothing(): AsyncGenerator<never> {
  yield* [];
}

const everything = { fromSequence: 1n, fromSequenceByNode: {}, instanceIds: [], follow: true };

/** Reads to the end, and says what was told and how it ended. */
function reading(daemon: Daemon, request: WatchTransitionsRequest = everything) {
  const told: string[] = [];
  const leaving = new AbortController();
  let ended: unknown;
  const over = (async () => {
    for await (const { event } of followDaemon(daemon, daemon, request, leaving.signal)) {
      told.push(event?.$case === 'transition' ? String(event.value.sequence) : (event?.$case ?? ''));
    }
  })().catch((thrown: unknown) => {
    ended = thrown;
  });
  return { told, over, leave: () => leaving.abort(), end: () => ended };
}

const away = (daemon: Daemon, milliseconds: number) => daemon.clock.advance(milliseconds);

describe('what a daemon tells', () => {
  it('goes on where it broke off: nothing twice, nothing passed over', async () => {
    const daemon = new Daemon();
    for (let count = 0; count < 3; count += 1) daemon.tell();
    const { told, leave, over } = reading(daemon);
    await daemon.clock.settle();
    for (const pause of [10, 1_000, 30_000]) {
      daemon.leave();
      daemon.tell();
      await away(daemon, pause);
      daemon.back();
      daemon.tell();
      await away(daemon, 10_000);
      daemon.tell();
      await daemon.clock.settle();
    }
    leave();
    await daemon.clock.runUntilSettled(over, 10_000);
    expect(told).toEqual([
      '1',
      '2',
      '3',
      'caughtUp',
      ...Array.from({ length: 9 }, (_, index) => `${index + 4}`),
    ]);
  });

  it('goes on from the present, too, when nothing else was wanted', async () => {
    const daemon = new Daemon();
    for (let count = 0; count < 3; count += 1) daemon.tell();
    const { told } = reading(daemon, { ...everything, fromSequence: undefined });
    await daemon.clock.settle();
    daemon.leave();
    daemon.tell();
    await away(daemon, 1_000);
    daemon.back();
    await away(daemon, 10_000);
    expect(told).toEqual(['caughtUp', '4']);
  });

  it('ends when the daemon stays away, with the reason, and asks it ever more seldom', async () => {
    const daemon = new Daemon();
    const { told, over, end } = reading(daemon);
    await daemon.clock.settle();
    daemon.leave(new StewardError('unavailable', 'it was switched off'));
    await daemon.clock.runUntilSettled(over, 2 * DAEMON_STREAM_AWAY_MS);
    expect(told).toEqual(['caughtUp']);
    expect(end()).toMatchObject({ code: 'unavailable', message: 'it was switched off' });
    expect(daemon.calls).toBeLessThan(30);
  });

  it.each<[string, WatchTransitionsRequest, StewardError]>([
    ['nobody waits for more', { ...everything, follow: false }, new StewardError('unavailable', 'away')],
    ['the daemon refuses', everything, new StewardError('not-implemented', 'another version')],
  ])('ends at once when %s', async (_, request, failure) => {
    const daemon = new Daemon();
    daemon.failure = failure;
    const { over, end } = reading(daemon, request);
    await daemon.clock.runUntilSettled(over, 1);
    expect(end()).toBe(failure);
    expect(daemon.calls).toBe(1);
  });

  it('ends at once when the daemon was away from the beginning', async () => {
    const daemon = new Daemon();
    daemon.leave();
    const { over, end } = reading(daemon);
    await daemon.clock.runUntilSettled(over, 1);
    expect(end()).toBe(daemon.failure);
  });

  it.each([
    ['fewer than before', [7]],
    ['as many as before', [7, 8, 9]],
    ['more than before', [7, 8, 9, 10]],
  ])('ends when the daemon lost its history and has %s', async (_, history) => {
    const daemon = new Daemon();
    for (let count = 0; count < 3; count += 1) daemon.tell();
    const { told, over, end } = reading(daemon);
    await daemon.clock.settle();
    daemon.leave();
    daemon.kept = history.map((at) => daemon.clock.now() + 1_000 + at);
    daemon.back();
    await daemon.clock.runUntilSettled(over, 10_000);
    expect(told).toEqual(['1', '2', '3', 'caughtUp']);
    expect(end()).toMatchObject({ code: 'unavailable', message: expect.stringContaining('counts anew') });
  });

  it('ends with its reader, also while the daemon is away', async () => {
    const daemon = new Daemon();
    const { over, leave } = reading(daemon);
    await daemon.clock.settle();
    daemon.leave();
    await daemon.clock.settle();
    leave();
    await daemon.clock.runUntilSettled(over, 10);
    expect(daemon.calls).toBeLessThan(3);
  });
});

it('goes on over a connection that broke off, and over a server that was stopped', async () => {
  const daemon = new Daemon();
  const serve = (addresses: readonly string[]) =>
    startServer((server) => server.addService(ContentServiceService, servedBy(daemon)), { addresses });
  const first = await serve(['127.0.0.1:0']);
  const address = first.addresses[0] ?? '';
  const proxy = await TcpProxy.before({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
  onTestFinished(() => proxy.stop());
  const client = createClient(ContentServiceService, connectTo(`127.0.0.1:${proxy.port}`));
  const told: string[] = [];
  const leaving = new AbortController();
  const over = (async () => {
    for await (const { event } of followDaemon(client, world, everything, leaving.signal))
      told.push(event?.$case === 'transition' ? String(event.value.sequence) : (event?.$case ?? ''));
  })().catch(() => undefined);
  const patience = { timeout: 15_000 };
  daemon.tell();
  await expect.poll(() => told, patience).toEqual(expect.arrayContaining(['1', 'caughtUp']));
  proxy.cut();
  daemon.tell();
  await expect.poll(() => told.at(-1), patience).toBe('2');
  await first.server.stop(0);
  daemon.tell();
  await serve([address]);
  await expect.poll(() => told.at(-1), patience).toBe('3');
  leaving.abort();
  await over;
  expect(told.filter((one) => one !== 'caughtUp')).toEqual(['1', '2', '3']);
});
