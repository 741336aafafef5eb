import type { EventPublisher, PublishedEvent } from '../events/event-publisher.js';
import { ATTRIBUTE, type Attributes, type TraceParent, type Tracer } from '../telemetry/tracing/tracer.js';
import type { Writing } from './clusters/writing.js';
import type { InstanceWork, Outcome } from './pipeline/instance-writer.js';

type WriteBatch = (work: readonly InstanceWork[]) => Promise<readonly Outcome[]>;

/** The way of updates through the pipeline in spans: a batch, its transaction, and each event it publishes. */
export class PipelineSpans {
  readonly #tracer: Tracer;
  /** The batches of events that are not published yet; what is read from the outbox again has none. */
  readonly #batches = new WeakMap<PublishedEvent, TraceParent>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  batches(write: WriteBatch): WriteBatch {
    return (work) => {
      const attributes = () => ({ 'steward.instances': work.length });
      return this.#tracer.span('handleStatusUpdates', { parent: 'root', attributes }, async (span) => {
        const tell = (outcomeOf: (index: number) => Outcome | undefined) => {
          if (!span.isSeen) return;
          for (const [index, item] of work.entries()) {
            span.part('handleStatusUpdate', attributesOf(item, outcomeOf(index)));
          }
        };
        try {
          const outcomes = await write(work);
          tell((index) => outcomes[index]);
          return outcomes;
        } catch (thrown) {
          tell(() => undefined);
          throw thrown;
        }
      });
    };
  }

  transactions(writing: Pick<Writing, 'write'>): Pick<Writing, 'write'> {
    return { write: (work) => this.#tracer.span('transaction', {}, () => writing.write(work)) };
  }

  /** To be called in the batch that has committed them. */
  committed(events: readonly PublishedEvent[]): void {
    const batch = this.#tracer.current();
    if (batch !== undefined) for (const event of events) this.#batches.set(event, batch);
  }

  publications(publisher: EventPublisher): EventPublisher {
    return {
      publish: (event) => {
        const parent = this.#batches.get(event) ?? 'root';
        const attributes = () => ({ 'steward.channel': event.channel, [ATTRIBUTE.instance]: event.key });
        return this.#tracer.span('publish', { kind: 'producer', parent, attributes }, () =>
          publisher.publish(event),
        );
      },
    };
  }
}

function attributesOf({ instance, waiting, stop }: InstanceWork, outcome: Outcome | undefined): Attributes {
  const { before, change, kind, told } = outcome ?? {};
  const newest = (told?.at(-1) ?? waiting.at(-1))?.newest;
  return {
    [ATTRIBUTE.instance]: instance,
    [ATTRIBUTE.workspace]: before?.workspace ?? newest?.workspace,
    [ATTRIBUTE.owner]: before?.owner ?? newest?.owner,
    [ATTRIBUTE.cluster]: newest?.cluster,
    'steward.version': (newest?.version ?? stop?.expectedVersion)?.toString(),
    'steward.phase': change?.phase ?? before?.phase,
    'steward.outcome': kind ?? 'failed',
  };
}
