import PQueue from 'p-queue';
import type { Logger } from 'pino';
import type { Database } from '../database/database.js';
import type { EventPublisher } from '../events/event-publisher.js';
import type { World } from '../gateways/world.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import { LIFECYCLE_CHANNEL } from './channels.js';
import type { Writing } from './clusters/writing.js';
import type { BridgeMetrics } from './metrics.js';
import { OutboxRelay } from './outbox-relay.js';
import { ForeignInstances } from './pipeline/foreign.js';
import { InstanceMailboxes } from './pipeline/instance-mailboxes.js';
import { type InstanceWork, InstanceWriter } from './pipeline/instance-writer.js';
import { UnadoptableInstances } from './pipeline/unadoptable.js';
import { PipelineSpans } from './pipeline-spans.js';
import type { PrebuildReading } from './prebuilds/prebuild-mapping.js';

/** What accepted updates go through: mailboxes, transactions, and the relay of the events they commit. */
export interface Pipeline {
  readonly mailboxes: InstanceMailboxes;
  readonly relay: OutboxRelay;
}

export interface PipelineOptions {
  readonly database: Database;
  readonly writing: Pick<Writing, 'write'>;
  /** Whether nobody else publishes what is in the outbox. */
  readonly mayPublish: () => boolean;
  readonly adoptUnknownInstances: boolean;
  /** Whether rows of this region are of no cluster (yet); without it those that have none. */
  readonly isUnassigned?: ((region: string) => boolean) | undefined;
  readonly prebuildReading: PrebuildReading;
  /** Gets an event when a life begins or ends; undefined when nobody wants to know. */
  readonly lifecycle: EventPublisher | undefined;
  /** Each gets every event, one after the other. */
  readonly publishers: readonly EventPublisher[];
  readonly world: Pick<World, 'clock' | 'random'>;
  readonly logger: Logger;
  readonly metrics: BridgeMetrics;
  /** Makes spans of what is done; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

const MS_PER_SECOND = 1_000;

export function createPipeline(options: PipelineOptions): Pipeline {
  const { database, writing, adoptUnknownInstances, prebuildReading, world, logger, metrics } = options;
  const { clock, random } = world;
  const spans = options.tracer === undefined ? undefined : new PipelineSpans(options.tracer);
  const relay = createRelay(options, spans);
  const writer = new InstanceWriter({
    dialect: database.dialect,
    writing: spans?.transactions(writing) ?? writing,
    clock,
    adoptUnknownInstances,
    isUnassigned: options.isUnassigned ?? ((region) => region === ''),
    prebuildReading,
    tellsLives: options.lifecycle !== undefined,
    onCommitted: (events) => {
      spans?.committed(events);
      relay.offer(events);
    },
    onRepeated: () => relay.readAnew(),
    onPrebuilds: (result) => metrics.prebuilds(result),
  });
  const write = (work: readonly InstanceWork[]) => writer.write(work);
  const unadoptable = new UnadoptableInstances(database.dialect, metrics, logger);
  const foreign = new ForeignInstances(metrics, logger);
  const mailboxes = new InstanceMailboxes({
    write: spans?.batches(write) ?? write,
    databaseWork: new PQueue({ concurrency: database.dialect.concurrency }),
    clock,
    random,
    observer: {
      outdated: () => metrics.outdated(),
      settled: (work, outcome, startedAt) => {
        metrics.settled(outcome, (clock.monotonic() - startedAt) / MS_PER_SECOND);
        foreign.settled(work, outcome);
        if (adoptUnknownInstances) unadoptable.settled(work, outcome);
      },
      failed: (work, error, dropped, startedAt) => {
        metrics.failed(work, error, dropped, (clock.monotonic() - startedAt) / MS_PER_SECOND);
        const level = dropped ? 'error' : 'warn';
        logger[level]({ err: error, instances: work.length, dropped }, 'updates could not be written');
      },
      fenced: (error) => {
        logger.error({ err: error }, 'another bridge has taken over');
      },
    },
    onObserverFailed: (err) => logger.error({ err }, 'what became of an update could not be counted'),
  });
  return { mailboxes, relay };
}

function createRelay(options: PipelineOptions, spans: PipelineSpans | undefined): OutboxRelay {
  const { database, writing, mayPublish, publishers, lifecycle, world, logger, metrics } = options;
  const publisher: EventPublisher = {
    publish: async (event) => {
      if (event.channel === LIFECYCLE_CHANNEL) return lifecycle?.publish(event);
      for (const each of publishers) await each.publish(event);
    },
  };
  return new OutboxRelay({
    database,
    writing,
    mayPublish,
    publisher: spans?.publications(publisher) ?? publisher,
    clock: world.clock,
    random: world.random,
    published: (event) => metrics.published(event, false),
    failed: (error, event) => {
      metrics.published(event, true);
      logger.warn({ err: error, instance: event?.key }, 'events could not be published; trying again');
    },
  });
}
