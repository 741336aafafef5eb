import type { Logger } from 'pino';
import type { BridgeMetrics } from '../metrics.js';
import type { InstanceWork, Outcome } from './instance-writer.js';
import { ToldOnce } from './told-once.js';

/** Counts updates of instances whose rows are of another cluster, and says once of each whose they are. */
export class ForeignInstances {
  readonly #metrics: Pick<BridgeMetrics, 'foreign'>;
  readonly #logger: Logger;
  readonly #told = new ToldOnce();

  constructor(metrics: Pick<BridgeMetrics, 'foreign'>, logger: Logger) {
    this.#metrics = metrics;
    this.#logger = logger;
  }

  settled({ instance, waiting }: InstanceWork, { told, before }: Outcome): void {
    if (told.length === waiting.length) return;
    for (const { newest } of waiting) {
      const { cluster } = newest;
      if (told.some((entry) => entry.newest.cluster === cluster)) continue;
      this.#metrics.foreign(cluster);
      if (this.#told.isFirst(instance)) {
        const row = { instance, region: before?.region };
        this.#logger.warn({ ...row, cluster }, 'a manager tells of an instance of another cluster');
      }
    }
  }
}
