import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ContentContext } from '../../machines/content-types.js';
import type { Transition } from '../../machines/transition.js';
import { toStewardError } from '../errors/steward-error.js';
import type { Clock } from '../gateways/clock.js';
import type { SupervisorEvent } from '../supervision/events.js';
import { BackupMetrics } from './backup-metrics.js';
import type { ContentCore, CoreListener } from './core.js';

/** What the daemon counts, and what it logs of the things that have no caller. */
export class DaemonMetrics {
  readonly #transitions: Counter<'from' | 'to'>;
  readonly #failures: Counter<'step' | 'code'>;
  readonly #backups: BackupMetrics;
  readonly #alarms: Counter<'kind'>;
  readonly #stranded: Gauge;
  readonly #parked: Counter;
  readonly #setUps: Durations;
  readonly #wrapUps: Durations;
  readonly #strandedNow = new Set<string>();

  constructor(registry: Registry, version: string) {
    const registers = [registry];
    new Gauge({
      name: 'gitpod_server_version',
      help: '1, for the version that runs.',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1);
    this.#backups = new BackupMetrics(registry);
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
    this.#setUps = new Durations(
      registry,
      'gitpod_ws_daemon_gitpod_ws_daemon_workspace_initialize_seconds',
      'Time from the request for content until it was there, or had failed.',
    );
    this.#wrapUps = new Durations(
      registry,
      'gitpod_ws_daemon_gitpod_ws_daemon_workspace_finalize_seconds',
      'Time from the begin of a wrap-up until the content was gone, or its final backup had failed.',
    );
  }

  show(core: ContentCore, clock: Clock): void {
    this.#backups.show(core, clock);
  }

  moved({ instance, actor, from, to, at }: Transition): void {
    if (actor !== 'content') return;
    this.#transitions.inc({ from, to });
    if (to === 'settingUp.recordingRequest') this.#setUps.begin(instance, at);
    if (to.startsWith('available') || to.startsWith('wrappingUp')) this.#setUps.end(instance, at);
    if (to === 'wrappingUp.recordingWrapUp') this.#wrapUps.begin(instance, at);
    if (to === 'wrappingUp.stranded' || to === 'gone') this.#wrapUps.end(instance, at);
    if (to === 'refused') this.#setUps.forget(instance);
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
      backedUp: (_context, outcome) => this.#backups.made(outcome),
      said: (context, program, line) => logger.info({ ...idsOf(context), program }, line),
      note: (text, error) => logger.warn({ err: error }, text),
    };
  }
}

/** How long something takes that one transition begins and another ends. */
class Durations {
  readonly #seconds: Histogram<'type' | 'class'>;
  readonly #begins = new Map<string, number>();

  /** The name's doubled prefix is what dashboards ask for. */
  constructor(registry: Registry, name: string, help: string) {
    const buckets = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
    this.#seconds = new Histogram({
      ...{ name, help, buckets },
      labelNames: ['type', 'class'],
      registers: [registry],
    });
  }

  /** What has begun already goes on. */
  begin(instance: string, at: number): void {
    if (!this.#begins.has(instance)) this.#begins.set(instance, at);
  }

  end(instance: string, at: number): void {
    const begin = this.#begins.get(instance);
    if (begin === undefined) return;
    this.#begins.delete(instance);
    // Nobody tells a daemon the type and class of a workspace; the labels are there for those who ask by them.
    this.#seconds.observe({ type: 'Regular', class: '' }, (at - begin) / 1000);
  }

  forget(instance: string): void {
    this.#begins.delete(instance);
  }
}

function idsOf({ identity }: ContentContext) {
  return identity;
}
