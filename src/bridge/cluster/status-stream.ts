import { StewardError, toStewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import type { Random } from '../../gateways/random.js';
import type { WorkspaceStatus } from '../../gen/ws-manager-api/core.js';
import type { AnswerStream } from '../../grpc/client-stream.js';
import { backoffMs } from '../backoff.js';
import { RECONNECT_MAX_MS, RECONNECT_MIN_MS, STREAM_STEADY_MS, SUBSCRIBE_SETTLE_MS } from '../bounds.js';
import type { ManagerClient } from '../clusters/manager-service.js';
import { Silence } from '../silence.js';
import type { ClusterLink } from './cluster-link.js';

export interface StreamOptions {
  readonly client: Pick<ManagerClient, 'subscribe'>;
  readonly link: ClusterLink;
  readonly clock: Clock;
  readonly random: Random;
  /** A stream without a message for so long is replaced. */
  readonly stallMs: number;
  readonly onStatus: (status: WorkspaceStatus) => void;
  /** The subscription stands: everything before it must be listed now. */
  readonly onSubscribed: () => void;
  readonly onEnded: (error: StewardError) => void;
}

/**
 * Holds a subscription to one manager until the signal aborts, and makes a new one whenever it ends or falls
 * silent. Each time the list is asked for only when the subscription stands, so nothing falls in between.
 */
export class StatusStream {
  readonly #options: StreamOptions;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, link, onEnded } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const life = { began: clock.monotonic(), hasHeard: false };
      const worked = await this.#once(signal, life).catch((thrown: unknown) => {
        const error = toStewardError(thrown, 'unavailable');
        // One that is taken and refused at once must not be asked for again and again, each time with a list.
        const isSteady = link.connected && clock.monotonic() - life.began >= STREAM_STEADY_MS;
        link.streamEnded(error);
        if (!signal.aborted) onEnded(error);
        return life.hasHeard || isSteady;
      });
      failures = worked ? 1 : failures + 1;
      const pause = backoffMs(failures, RECONNECT_MIN_MS, RECONNECT_MAX_MS, random);
      await sleep(clock, pause, signal).catch(() => undefined);
    }
    link.streamEnded(undefined);
  }

  async #once(signal: AbortSignal, life: { hasHeard: boolean }): Promise<never> {
    const { client, link, clock, stallMs, onStatus } = this.#options;
    const answers = client.subscribe({ mustMatch: undefined }, { signal });
    const settled = this.#announce(answers);
    const silence = new Silence(clock, stallMs, () => answers.cancel());
    silence.listen();
    try {
      for await (const { status } of answers) {
        life.hasHeard = true;
        settled.now();
        silence.listen();
        link.heard();
        if (status !== undefined) onStatus(status);
      }
    } catch (error) {
      throw silence.wasTooLong ? silent(stallMs) : error;
    } finally {
      silence.rest();
      settled.end();
    }
    throw new StewardError('unavailable', 'The manager ended the stream of statuses.');
  }

  /**
   * Some managers answer a subscription only with its first status. They are given a moment, then the list is
   * taken anyway, and once more when the answer comes.
   */
  #announce(answers: AnswerStream<unknown>): { now(): void; end(): void } {
    const { clock, link, onSubscribed } = this.#options;
    let isOver = false;
    const now = () => {
      timer.cancel();
      if (isOver) return;
      isOver = true;
      link.streamStarted();
      onSubscribed();
    };
    const timer = clock.schedule(clock.now() + SUBSCRIBE_SETTLE_MS, () => {
      link.subscribing();
      onSubscribed();
    });
    answers.started.then(now, () => timer.cancel());
    const end = () => {
      isOver = true;
      timer.cancel();
    };
    return { now, end };
  }
}

function silent(stallMs: number): StewardError {
  return new StewardError(
    'unavailable',
    `The manager sent nothing for ${stallMs / 1_000} s; subscribing again.`,
  );
}
