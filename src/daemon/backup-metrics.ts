import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { BackupOutcome } from '../content/backup-creation.js';
import type { Clock } from '../gateways/clock.js';
import type { ContentCore } from './core.js';
import { backupRisk } from './rpc/backup-risk.js';

const KINDS = ['full', 'increment', 'unchanged'] as const;

/** Bytes of an archive. */
const SIZE_BUCKETS = [1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11];

/** Counts backups by what they cost, and shows what would be lost with this node. */
export class BackupMetrics {
  readonly #backups: Counter<'kind'>;
  readonly #bytes: Histogram<'kind'>;
  readonly #torn: Counter;
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#backups = new Counter({
      name: 'steward_backups_total',
      help: 'Backups made: whole ones, increments, and those that found nothing changed and stored nothing.',
      labelNames: ['kind'],
      registers,
    });
    this.#bytes = new Histogram({
      name: 'steward_backup_archive_bytes',
      help: 'Bytes that a backup added to the storage.',
      labelNames: ['kind'],
      buckets: SIZE_BUCKETS,
      registers,
    });
    this.#torn = new Counter({
      name: 'steward_backup_torn_files_total',
      help: 'Files that shrank while they were backed up, and end in zeros there.',
      registers,
    });
    for (const kind of KINDS) this.#backups.inc({ kind }, 0);
  }

  made({ kind, manifest }: BackupOutcome): void {
    const part = manifest.parts.at(-1);
    if (kind === 'unchanged' || part === undefined) {
      this.#backups.inc({ kind: 'unchanged' });
      return;
    }
    this.#backups.inc({ kind: part.kind });
    this.#bytes.observe({ kind: part.kind }, part.sizeBytes);
    this.#torn.inc(manifest.torn.count);
  }

  show({ instances, records }: ContentCore, clock: Clock): void {
    const registers = [this.#registry];
    const inUse = () => [...records.living()].filter(({ step }) => step === 'available');
    new Gauge({
      name: 'steward_backup_oldest_seconds',
      help: 'Of all contents in use, how long the one has not been saved that was not for longest.',
      registers,
      collect() {
        const ages = inUse().map(({ savedAt, since }) => clock.now() - (savedAt ?? since));
        this.set(ages.reduce((most, age) => Math.max(most, age), 0) / 1000);
      },
    });
    new Gauge({
      name: 'steward_backups_at_risk',
      help: 'Contents in use whose newest state should have been saved by now and is not.',
      registers,
      collect() {
        const atRisk = inUse().filter(({ identity }) => {
          const live = instances.find(identity.instance);
          if (live === undefined) return true;
          return backupRisk(live.view.context, live.timer, clock.now()).backupAtRiskSinceMs !== undefined;
        });
        this.set(atRisk.length);
      },
    });
  }
}
