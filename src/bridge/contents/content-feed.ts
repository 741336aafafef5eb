import type { Database } from '../../database/database.js';
import { StewardError, toStewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import type { Random } from '../../gateways/random.js';
import type {
  ContentServiceService,
  WatchTransitionsResponse,
} from '../../gen/steward/v1/content_service.js';
import type { ServiceClient } from '../../grpc/client.js';
import { backoffMs } from '../backoff.js';
import {
  CONTENT_BATCH_MAX,
  CONTENT_PAUSE_MS,
  CONTENT_STANDBY_MS,
  CONTENT_UNOFFERED_MS,
  CONTENT_WAITING_MAX,
  MANAGER_ANSWER_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
} from '../bounds.js';
import type { Writing } from '../clusters/writing.js';
import { Silence } from '../silence.js';
import { statesIn } from './actor-state.js';
import { Bell } from './bell.js';
import { forgetPlaces, readCursors, writeStates } from './content-rows.js';
import { Intake } from './intake.js';
import type { Place } from './waiting-states.js';

export type ContentClient = Pick<ServiceClient<ContentServiceService>, 'watchTransitions' | 'listContent'>;

export interface ContentFeedOptions {
  readonly cluster: string;
  /** Another manager may tell from now on: nothing is gone on from. */
  readonly isMoved?: boolean;
  readonly client: ContentClient;
  readonly database: Database;
  readonly writing: Writing;
  readonly clock: Clock;
  readonly random: Random;
  /** A stream that tells nothing for so long, not even how far a transfer is, is replaced. */
  readonly stallMs: number;
  readonly onFailed: (error: StewardError) => void;
}

/**
 * Brings what every actor of a cluster does into our table: its transitions from where they were taken last, and where
 * some are missing, a list of all contents beside them. Only the bridge that writes reads them.
 */
export class ContentFeed {
  readonly #options: ContentFeedOptions;
  #isMoved: boolean;

  constructor(options: ContentFeedOptions) {
    this.#options = options;
    this.#isMoved = options.isMoved ?? false;
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, writing, onFailed } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      if (writing.refusal() !== undefined) {
        await sleep(clock, CONTENT_STANDBY_MS, signal).catch(() => undefined);
        continue;
      }
      const { error, hasRead, isCalm } = await this.#once(signal);
      if (signal.aborted) return;
      failures = hasRead ? 1 : failures + 1;
      // Managers that are not ours tell nothing but statuses.
      const isOffered = error.code !== 'not-implemented';
      if (isOffered && !isCalm) onFailed(error);
      const pause = backoffMs(failures, RECONNECT_MIN_MS, RECONNECT_MAX_MS, random);
      await sleep(clock, isOffered ? pause : CONTENT_UNOFFERED_MS, signal).catch(() => undefined);
    }
  }

  async #once(signal: AbortSignal): Promise<End> {
    const { database, writing, cluster } = this.#options;
    let run: Run | undefined;
    try {
      if (this.#isMoved) await writing.write((transaction) => forgetPlaces(transaction, cluster));
      this.#isMoved = false;
      const began = await database.read((connection) => readCursors(connection, cluster));
      run = new Run(this.#options, began, signal);
      return await run.end();
    } catch (thrown) {
      const { hasRead, isSilent } = run ?? { hasRead: false, isSilent: false };
      return { error: toStewardError(thrown, 'unavailable'), hasRead, isCalm: hasRead && isSilent };
    }
  }
}

/** Of one stream. */
interface End {
  readonly error: StewardError;
  readonly hasRead: boolean;
  /** It told what there was, and then there was nothing to tell for long: that may well be true. */
  readonly isCalm: boolean;
}

/** One stream of transitions, from its beginning to its end. */
class Run {
  hasRead = false;
  isSilent = false;
  readonly #options: ContentFeedOptions;
  readonly #intake: Intake;
  readonly #bell = new Bell();
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;

  constructor(options: ContentFeedOptions, began: ReadonlyMap<string, Place>, signal: AbortSignal) {
    this.#options = options;
    this.#intake = new Intake(began);
    this.#signal = AbortSignal.any([signal, this.#over.signal]);
    this.#signal.addEventListener('abort', () => this.#bell.ring(), { once: true });
  }

  /** Rejects with why it ended, when nothing of it goes on. */
  async end(): Promise<never> {
    const parts = [this.#read(), this.#list(), this.#write()];
    try {
      return await Promise.race(parts);
    } finally {
      this.#over.abort();
      await Promise.allSettled(parts);
    }
  }

  async #read(): Promise<never> {
    const { client, clock, stallMs } = this.#options;
    const answers = client.watchTransitions(this.#intake.request(), { signal: this.#signal });
    const silence = new Silence(clock, stallMs, () => answers.cancel());
    try {
      await this.#readAll(answers, silence);
    } catch (error) {
      this.isSilent = silence.wasTooLong;
      throw this.isSilent ? silent(stallMs) : error;
    } finally {
      silence.rest();
    }
    throw new StewardError('unavailable', 'The manager ended the stream of transitions.');
  }

  /** What waits here, and not at the manager, is no silence of it. */
  async #readAll(answers: AsyncIterable<WatchTransitionsResponse>, silence: Silence): Promise<void> {
    const { writing, cluster } = this.#options;
    silence.listen();
    for await (const { event } of answers) {
      silence.rest();
      this.hasRead = true;
      const anew = event === undefined ? undefined : this.#intake.take(event);
      if (anew !== undefined) {
        await writing.write((transaction) => forgetPlaces(transaction, cluster, anew));
        throw new StewardError(
          'unavailable',
          `Node ${anew} counts its transitions anew; reading them again.`,
        );
      }
      this.#bell.ring();
      await this.#until(() => this.#intake.waiting.size < CONTENT_WAITING_MAX);
      silence.listen();
    }
  }

  async #list(): Promise<never> {
    const { client } = this.#options;
    while (true) {
      await this.#until(() => this.#intake.isListWanted);
      const { reasons } = this.#intake;
      for (let pageToken = ''; ; ) {
        const page = await client.listContent(
          { owner: '', workspaceId: '', pageSize: 0, pageToken },
          { signal: this.#signal, timeoutMs: MANAGER_ANSWER_MS },
        );
        for (const state of page.contents.flatMap(statesIn)) this.#intake.waiting.add(state);
        this.#bell.ring();
        await this.#until(() => this.#intake.waiting.size < CONTENT_WAITING_MAX);
        if (page.nextPageToken === '') break;
        pageToken = page.nextPageToken;
      }
      this.#intake.listed(reasons);
      this.#bell.ring();
    }
  }

  async #write(): Promise<never> {
    const { writing, cluster, clock } = this.#options;
    const { waiting } = this.#intake;
    while (true) {
      await this.#until(() => !waiting.isEmpty);
      const batch = waiting.take(CONTENT_BATCH_MAX);
      await writing.write((transaction) => writeStates(transaction, cluster, batch));
      this.#bell.ring();
      await sleep(clock, CONTENT_PAUSE_MS, this.#signal);
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    this.#signal.throwIfAborted();
    while (!condition()) {
      await this.#bell.next();
      this.#signal.throwIfAborted();
    }
  }
}

function silent(stallMs: number): StewardError {
  return new StewardError(
    'unavailable',
    `The manager told nothing for ${stallMs / 1_000} s; reading its transitions again.`,
  );
}
