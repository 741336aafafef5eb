import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ContentContext } from '../../machines/content-types.js';
import type { Transition } from '../../machines/transition.js';
import { toStewardError } from '../errors/steward-error.js';
import type { SupervisorEvent } from '../supervision/events.js';
import type { CoreListener } from './core.js';

/** What the daemon counts, and what it logs of the things that have no caller. */
export class DaemonMetrics {
  readonly #transitions: Counter<'from' | 'to'>;
  readonly #failures: Counter<'step' | 'code'>;
  readonly #alarms: Counter<'kind'>;
  readonly #stranded: Gauge;
  readonly #parked: Counter;
  readonly #setUpSeconds: Histogram;
  readonly #setUpStart = new Map<string, number>();
  readonly #strandedNow = new Set<string>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#transitions = new Counter({
      name: 'steward_content_transitions_total',
      help: 'Steps that content has taken.',
      labelNames: ['from', 'to'],
      registers,
    });
    this.#failures = new Counter({
      name: 'steward_content_step_failures_total',
      help: 'Effects of content that failed, by step and error code.',
      labelNames: ['step', 'code'],
      registers,
    });
    this.#alarms = new Counter({
      name: 'steward_record_alarms_total',
      help: 'Records or history that could not be read or written.',
      labelNames: ['kind'],
      registers,
    });
    this.#stranded = new Gauge({
      name: 'steward_content_stranded',
      help: 'Instances whose final backup could not be made and whose content waits on this node.',
      registers,
    });
    this.#parked = new Counter({
      name: 'steward_supervision_parked_total',
      help: 'Instances that failed too often and wait for a person.',
      registers,
    });
    this.#setUpSeconds = new Histogram({
      name: 'gitpod_ws_daemon_workspace_initialize_seconds',
      help: 'Time from the request for content until it was there.',
      buckets: [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
      registers,
    });
  }

  moved({ instance, actor, from, to, at }: Transition): void {
    if (actor !== 'content') return;
    this.#transitions.inc({ from, to });
    if (to === 'settingUp.recordingRequest') this.#setUpStart.set(instance, at);
    if (to.startsWith('available')) this.#setUpEnded(instance, at);
    if (to === 'gone' || to === 'refused') this.#setUpStart.delete(instance);
    if (to === 'wrappingUp.stranded') this.#strandedNow.add(instance);
    else if (to === 'wrappingUp.recordingRemoval' || to === 'gone') this.#strandedNow.delete(instance);
    this.#stranded.set(this.#strandedNow.size);
  }

  supervised(event: SupervisorEvent, logger: Logger): void {
    if (event.type === 'park') {
      this.#parked.inc();
      logger.error(
        { instance: event.path, reason: event.reason },
        'parked: it failed too often and waits for a person',
      );
    } else if (event.type === 'leak')
      logger.error({ path: event.path, leaks: event.leaks }, 'something was left behind');
    else logger.debug({ event }, 'supervision');
  }

  listener(logger: Logger): CoreListener {
    return {
      alarm: (alarm) => {
        this.#alarms.inc({ kind: alarm.kind });
        logger.error({ alarm }, 'a record or the history needs a look; nothing was deleted');
      },
      stepFailed: (context, step, error) => {
        const known = toStewardError(error);
        this.#failures.inc({ step, code: known.code });
        logger.warn({ ...idsOf(context), step, err: known, cause: known.cause }, 'a step failed');
      },
      warning: (context, text, error) => logger.warn({ ...idsOf(context), err: error }, text),
      progress: (context, step, bytes) => logger.trace({ ...idsOf(context), step, bytes }, 'progress'),
      unpublished: (instance, moved, error) =>
        logger.error({ instance, moved, err: error }, 'history lost a step'),
      said: (context, program, line) => logger.info({ ...idsOf(context), program }, line),
      note: (text, error) => logger.warn({ err: error }, text),
    };
  }

  #setUpEnded(instance: string, at: number): void {
    const start = this.#setUpStart.get(instance);
    if (start === undefined) return;
    this.#setUpStart.delete(instance);
    this.#setUpSeconds.observe((at - start) / 1000);
  }
}

function idsOf({ identity }: ContentContext) {
  return identity;
}
