import type { Knex } from 'knex';
import type { Database } from '../database/database.js';
import { rawRows } from '../database/raw-rows.js';
import { type StewardError, toStewardError } from '../errors/steward-error.js';
import { type Clock, sleep } from '../gateways/clock.js';
import {
  OUTBOX_ALARM_AGE_MS,
  OUTBOX_ALARM_EVENTS_MAX,
  OUTBOX_ALARM_REPEAT_MS,
  OUTBOX_LOOK_MS,
} from './bounds.js';
import type { Alarm } from './cluster/alarm.js';

export interface OutboxWatchOptions {
  readonly database: Pick<Database, 'read'>;
  readonly clock: Clock;
  readonly alarm: Alarm;
  /** Whether this bridge publishes what is in the outbox. */
  readonly isWriter: () => boolean;
  /** Told when it begins, and now and then while it lasts. */
  readonly onAlarm: (reason: string) => void;
  readonly onOver: () => void;
  readonly onFailed: (error: StewardError) => void;
}

interface Backlog {
  /** At most one more than what is too many. */
  readonly events: number;
  /** Of the oldest. */
  readonly ageMs: number;
}

const TABLE = 'steward_outbox';
const MS_PER_SECOND = 1_000;

/** Looks whether the outbox empties: rows are right without it, but nobody is told of their changes. */
export class OutboxWatch {
  readonly #options: OutboxWatchOptions;
  #wasTooMany = false;
  #toldAt: number | undefined;

  constructor(options: OutboxWatchOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onFailed } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, OUTBOX_LOOK_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.look().catch((thrown: unknown) => onFailed(toStewardError(thrown, 'unavailable')));
    }
  }

  async look(): Promise<void> {
    const { database, clock, alarm, isWriter, onOver } = this.#options;
    const reason = isWriter()
      ? this.#judge(await database.read((connection) => backlogAt(connection, clock.now())))
      : undefined;
    if (reason !== undefined) {
      this.#tell(reason);
      return;
    }
    if (this.#toldAt !== undefined && isWriter()) onOver();
    this.#toldAt = undefined;
    alarm.clear();
  }

  /** A burst of events is many of them for a moment. */
  #judge({ events, ageMs }: Backlog): string | undefined {
    const isTooMany = events > OUTBOX_ALARM_EVENTS_MAX;
    const stays = isTooMany && this.#wasTooMany;
    this.#wasTooMany = isTooMany;
    if (!stays && ageMs <= OUTBOX_ALARM_AGE_MS) return undefined;
    const what = events === 1 ? '1 event is' : `${events} events are`;
    const count = isTooMany ? `more than ${OUTBOX_ALARM_EVENTS_MAX} events are` : what;
    const seconds = Math.round(ageMs / MS_PER_SECOND);
    return `In the outbox ${count} not published, the oldest for ${seconds} s.`;
  }

  #tell(reason: string): void {
    const { clock, alarm, onAlarm } = this.#options;
    alarm.raise(reason);
    const now = clock.monotonic();
    if (this.#toldAt !== undefined && now - this.#toldAt < OUTBOX_ALARM_REPEAT_MS) return;
    this.#toldAt = now;
    onAlarm(reason);
  }
}

/** Of a table that may be large: no more of it is looked at than is needed. */
async function backlogAt(connection: Knex, now: number): Promise<Backlog> {
  const [oldest] = await rawRows<{ createdAt: string }>(
    connection,
    `select createdAt from ${TABLE} order by sequence limit 1`,
  );
  if (oldest === undefined) return { events: 0, ageMs: 0 };
  const [found] = await rawRows<{ events: number | string }>(
    connection,
    `select count(*) as events from (select 1 from ${TABLE} limit ${OUTBOX_ALARM_EVENTS_MAX + 1}) as some`,
  );
  return { events: Number(found?.events ?? 0), ageMs: now - Date.parse(oldest.createdAt) };
}
