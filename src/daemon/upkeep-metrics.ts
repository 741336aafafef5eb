import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Clock } from '../gateways/clock.js';
import { STORAGE_CLOCK_DIFFERENCE_MS_MAX } from './bounds.js';
import type { DiskGuard } from './disk-guard.js';
import type { HousekeepingListener } from './housekeeping/housekeeping.js';
import type { Quarantined } from './housekeeping/quarantine.js';
import type { StoredListener } from './housekeeping/stored.js';

/** What is counted and logged of a daemon's care for its disk and its storage. */
export class UpkeepMetrics {
  readonly #quarantined: Counter;
  readonly #removed: Counter<'why'>;
  readonly #cleaned: Counter;
  readonly #tidied: Counter<'what'>;
  readonly #failures: Counter<'round'>;
  readonly #lastRound: Gauge<'round'>;
  readonly #storageClock: Gauge;
  #inQuarantine: readonly Quarantined[] = [];
  #aheadMs = 0;

  constructor(registry: Registry, clock: Clock, disk: DiskGuard) {
    const registers = [registry];
    this.#quarantined = new Counter({
      name: 'steward_housekeeping_quarantined_total',
      help: 'Contents that nobody owned and that were put into the quarantine.',
      registers,
    });
    this.#removed = new Counter({
      name: 'steward_housekeeping_removed_total',
      help: 'Contents removed from the quarantine: their time was over (expired), or the disk was full (disk-full).',
      labelNames: ['why'],
      registers,
    });
    this.#cleaned = new Counter({
      name: 'steward_housekeeping_cleaned_total',
      help: 'Caches, credentials and temporary files of nobody that were removed.',
      registers,
    });
    this.#tidied = new Counter({
      name: 'steward_stored_removed_total',
      help: 'Removed from the storage: old versions, archives that no manifest names, unfinished uploads.',
      labelNames: ['what'],
      registers,
    });
    this.#failures = new Counter({
      name: 'steward_housekeeping_failures_total',
      help: 'What a round could not do; the next one tries again.',
      labelNames: ['round'],
      registers,
    });
    this.#lastRound = new Gauge({
      name: 'steward_housekeeping_last_round_timestamp_seconds',
      help: 'When the last round ended that came to its end.',
      labelNames: ['round'],
      registers,
    });
    this.#storageClock = new Gauge({
      name: 'steward_storage_clock_difference_seconds',
      help: 'How far the clock of this node is ahead of its storage; negative when behind.',
      registers,
    });
    const entries = () => this.#inQuarantine;
    new Gauge({
      name: 'steward_quarantine_entries',
      help: 'Contents in the quarantine.',
      registers,
      collect() {
        this.set(entries().length);
      },
    });
    new Gauge({
      name: 'steward_quarantine_oldest_seconds',
      help: 'How long the oldest content has been in the quarantine; 0 when it is empty.',
      registers,
      collect() {
        const [oldest] = entries();
        this.set(oldest === undefined ? 0 : (clock.now() - oldest.since) / 1000);
      },
    });
    showDisks(disk, registry);
    for (const why of ['expired', 'disk-full']) this.#removed.inc({ why }, 0);
    for (const round of ['housekeeping', 'stored', 'drills']) this.#failures.inc({ round }, 0);
  }

  housekeeping(logger: Logger): HousekeepingListener {
    return {
      quarantined: (path, why) => {
        this.#quarantined.inc();
        logger.warn({ path, why }, 'nobody owns this content: it was put into the quarantine');
      },
      removed: (name, why) => {
        this.#removed.inc({ why });
        if (why === 'expired') logger.info({ name }, 'its time in the quarantine is over: it was removed');
        else
          logger.error({ name }, 'the disk is full: content in the quarantine was removed before its time');
      },
      cleaned: (path) => {
        this.#cleaned.inc();
        logger.info({ path }, 'nobody owns this: it was removed');
      },
      failed: (path, err) => {
        this.#failures.inc({ round: 'housekeeping' });
        logger.warn({ path, err }, 'housekeeping could not deal with this');
      },
      inQuarantine: (entries) => {
        this.#inQuarantine = entries;
      },
    };
  }

  stored(logger: Logger): StoredListener {
    return {
      tidied: (what, count) => {
        this.#tidied.inc({ what }, count);
        if (count > 0) logger.info({ what, count }, 'removed from the storage');
      },
      failed: (what, err) => {
        this.#failures.inc({ round: 'stored' });
        logger.warn({ what, err }, 'could not be tidied');
      },
      clock: (aheadMs) => {
        this.#aheadMs = aheadMs;
        this.#storageClock.set(aheadMs / 1000);
      },
      keeping: ({ kind, keeping }) => {
        if (kind === 'new') logger.info({ keeping }, 'told the storage what is kept; the next round removes');
        if (kind === 'more') logger.warn({ keeping }, 'other nodes keep more than this one is configured to');
      },
    };
  }

  /** For people who look how a node is; empty when all is well. */
  get clockNotice(): string {
    const seconds = Math.round(Math.abs(this.#aheadMs) / 1000);
    if (seconds * 1000 <= STORAGE_CLOCK_DIFFERENCE_MS_MAX) return '';
    const where = this.#aheadMs > 0 ? 'ahead of' : 'behind';
    return `nothing stored is tidied: this node's clock is ${seconds} s ${where} that of its storage`;
  }

  roundEnded(round: string, at: number): void {
    this.#lastRound.set({ round }, at / 1000);
  }

  roundFailed(round: string, err: unknown, logger: Logger): void {
    this.#failures.inc({ round });
    logger.error({ round, err }, 'a round of upkeep failed; the next one comes as ever');
  }
}

function showDisks(disk: DiskGuard, registry: Registry): void {
  new Gauge({
    name: 'steward_disk_free_bytes',
    help: 'Free bytes of the disks of this node, by the folder that is on them.',
    labelNames: ['path'],
    registers: [registry],
    collect() {
      for (const { path, freeBytes } of disk.disks) this.set({ path }, freeBytes);
    },
  });
  new Gauge({
    name: 'steward_disk_full',
    help: '1 while there is too little room to set up anything new.',
    registers: [registry],
    collect() {
      this.set(disk.problem === undefined ? 0 : 1);
    },
  });
}
