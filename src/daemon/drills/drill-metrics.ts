import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Drills, DrillsListener } from './drills.js';

const OUTCOMES = ['proven', 'restored', 'failed'] as const;

/** Counts and logs what drills find; a drill that failed is an alarm. */
export class DrillMetrics {
  readonly #registry: Registry;
  readonly #drills: Counter<'outcome'>;
  readonly #failures: Counter;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#drills = new Counter({
      name: 'steward_drills_total',
      help: 'Backups restored as a proof: proven, restored without anything exact to compare with, failed; or skipped.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    this.#failures = new Counter({
      name: 'steward_drill_rounds_failed_total',
      help: 'Drills that could not even choose a backup or write down what they found.',
      registers: [registry],
    });
    for (const outcome of [...OUTCOMES, 'skipped']) this.#drills.inc({ outcome }, 0);
  }

  listener(logger: Logger): DrillsListener {
    return {
      drilled: (drill) => {
        const { outcome } = drill;
        this.#drills.inc({ outcome: outcome.kind });
        if (outcome.kind === 'failed')
          logger.error({ drill }, 'a drill failed: this backup does not restore');
        else logger.info({ drill }, 'a drill restored a backup');
      },
      skipped: (of, why) => {
        this.#drills.inc({ outcome: 'skipped' });
        logger.warn({ ...of, why }, 'a drill was left out');
      },
      failed: (err) => {
        this.#failures.inc();
        logger.error({ err }, 'a drill could not be done');
      },
    };
  }

  /** What is on disk of earlier drills counts, too. */
  show(drills: Drills): void {
    const registers = [this.#registry];
    new Gauge({
      name: 'steward_drill_last_timestamp_seconds',
      help: 'When the last drill of each outcome began.',
      labelNames: ['outcome'],
      registers,
      collect() {
        for (const outcome of OUTCOMES) {
          const last = drills.list().find((drill) => drill.outcome.kind === outcome);
          if (last !== undefined) this.set({ outcome }, last.startedAtMs / 1000);
        }
      },
    });
    new Gauge({
      name: 'steward_drill_failing',
      help: 'Workspaces whose last drill failed.',
      registers,
      collect() {
        const newest = new Map<string, boolean>();
        for (const { owner, workspace, outcome } of [...drills.list()].reverse()) {
          newest.set(`${owner}/${workspace}`, outcome.kind === 'failed');
        }
        this.set([...newest.values()].filter((hasFailed) => hasFailed).length);
      },
    });
  }
}
