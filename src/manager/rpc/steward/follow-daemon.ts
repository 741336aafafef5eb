import { StewardError, toStewardError } from '../../../errors/steward-error.js';
import { sleep } from '../../../gateways/clock.js';
import type { World } from '../../../gateways/world.js';
import type {
  ContentServiceService,
  WatchTransitionsRequest,
  WatchTransitionsResponse,
} from '../../../gen/steward/v1/content_service.js';
import type { ServiceClient } from '../../../grpc/client.js';
import { DAEMON_STREAM_AWAY_MS } from '../../bounds.js';
import { isUnreached, pauseAfter } from '../../daemon-tries.js';

/**
 * What the daemon tells, gone on with where it broke off when the daemon was away for less than
 * `DAEMON_STREAM_AWAY_MS`: nothing is told twice, and nothing is passed over. Fails with why it ended: at once when
 * it had not caught up yet, when nobody wants what is to come, or when the daemon counts anew.
 */
export async function* followDaemon(
  daemon: Pick<ServiceClient<ContentServiceService>, 'watchTransitions'>,
  { clock, random }: Pick<World, 'clock' | 'random'>,
  request: WatchTransitionsRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchTransitionsResponse> {
  const reading = new Reading(request);
  let awaySince: number | undefined;
  for (let tries = 1; ; tries += 1) {
    let ended: StewardError;
    try {
      for await (const event of daemon.watchTransitions(reading.request(), { signal })) {
        if (!reading.isNew(event)) continue;
        awaySince = undefined;
        tries = 0;
        yield event;
      }
      if (!request.follow) return;
      ended = new StewardError('unavailable', 'the daemon ended the stream of transitions');
    } catch (thrown) {
      ended = toStewardError(thrown);
    }
    if (signal.aborted || !request.follow || !reading.mayGoOn || !isUnreached(ended)) throw ended;
    awaySince ??= clock.monotonic();
    if (clock.monotonic() - awaySince >= DAEMON_STREAM_AWAY_MS) throw ended;
    await sleep(clock, pauseAfter(Math.max(tries, 1), random.fraction()), signal);
  }
}

/** How far a node was told. */
interface Place {
  readonly sequence: bigint;
  /** Of the transition with this number; undefined when only its number is known. */
  readonly atMs: bigint | undefined;
}

/** What was told by all streams together. */
class Reading {
  #hasCaughtUp = false;
  #isLost = false;
  readonly #request: WatchTransitionsRequest;
  readonly #places = new Map<string, Place>();

  constructor(request: WatchTransitionsRequest) {
    this.#request = request;
  }

  /** Whether another stream would tell what follows. */
  get mayGoOn(): boolean {
    return this.#hasCaughtUp && !this.#isLost;
  }

  /** Begins with the last transition that was told: a daemon that lost its history has another one of that number. */
  request(): WatchTransitionsRequest {
    const { fromSequenceByNode } = this.#request;
    const reached = [...this.#places].map(([node, { sequence, atMs }]): [string, bigint] => [
      node,
      atMs === undefined ? sequence + 1n : sequence,
    ]);
    return {
      ...this.#request,
      fromSequenceByNode: { ...fromSequenceByNode, ...Object.fromEntries(reached) },
    };
  }

  /** Whether nobody was told this. Throws `unavailable` when its node counts anew. */
  isNew({ event }: WatchTransitionsResponse): boolean {
    switch (event?.$case) {
      case 'transition': {
        const { node, sequence, atMs } = event.value;
        const place = this.#places.get(node);
        if (place !== undefined && sequence <= place.sequence) {
          if (sequence < place.sequence || place.atMs !== atMs) throw this.#countsAnew(node);
          return false;
        }
        this.#places.set(node, { sequence, atMs });
        return true;
      }
      case 'gap': {
        const { node, toSequence } = event.value;
        this.#places.set(node, { sequence: toSequence, atMs: undefined });
        return true;
      }
      case 'caughtUp': {
        const { node, sequence } = event.value;
        const place = this.#places.get(node);
        if (place !== undefined && sequence < place.sequence) throw this.#countsAnew(node);
        if (place === undefined || sequence > place.sequence)
          this.#places.set(node, { sequence, atMs: undefined });
        const isFirst = !this.#hasCaughtUp;
        this.#hasCaughtUp = true;
        return isFirst;
      }
      default:
        return true;
    }
  }

  #countsAnew(node: string): StewardError {
    this.#isLost = true;
    return new StewardError('unavailable', `node ${node} lost its history and counts anew; ask again`);
  }
}
