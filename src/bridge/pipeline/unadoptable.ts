import type { Logger } from 'pino';
import type { Dialect } from '../../database/dialect.js';
import type { BridgeMetrics } from '../metrics.js';
import { adoptionProblem } from './adoption.js';
import type { InstanceWork, Outcome } from './instance-writer.js';
import { ToldOnce } from './told-once.js';

/** Counts updates of instances that can get no row, and says once of each why. */
export class UnadoptableInstances {
  readonly #dialect: Dialect;
  readonly #metrics: Pick<BridgeMetrics, 'unadoptable'>;
  readonly #logger: Logger;
  readonly #told = new ToldOnce();

  constructor(dialect: Dialect, metrics: Pick<BridgeMetrics, 'unadoptable'>, logger: Logger) {
    this.#dialect = dialect;
    this.#metrics = metrics;
    this.#logger = logger;
  }

  settled({ waiting }: InstanceWork, { kind }: Outcome): void {
    const update = kind === 'unknown-instance' ? waiting.at(-1)?.newest : undefined;
    const reason = update && adoptionProblem(this.#dialect, update);
    if (update === undefined || reason === undefined) return;
    const { instance, cluster } = update;
    this.#metrics.unadoptable(cluster);
    if (this.#told.isFirst(instance))
      this.#logger.warn({ instance, cluster, reason }, 'an instance gets no row');
  }
}
