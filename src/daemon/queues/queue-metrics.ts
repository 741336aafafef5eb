import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { QUEUE_NAMES } from './queue-limits.js';
import type { QueueState, Queues } from './queues.js';

/** Seconds, as the known system counts them. */
const WAITING_BUCKETS = [5, 10, 30, 60, 120, 180, 300, 600, 1800];

/** Shows how long the queues are and how long things wait in them. */
export function showQueues(queues: Queues, registry: Registry): void {
  const registers = [registry];
  gauge('steward_queue_waiting', 'What waits for its turn.', ({ waiting }) => waiting);
  gauge('steward_queue_running', 'What has its turn now.', ({ running }) => running);
  gauge(
    'steward_queue_oldest_waiting_seconds',
    'How long the one that waits longest has waited; 0 when none waits.',
    ({ oldestWaitingMs }) => oldestWaitingMs / 1000,
  );
  gauge(
    'steward_queue_oldest_running_seconds',
    'How long the one that runs longest has run; 0 when none runs.',
    ({ oldestRunningMs }) => oldestRunningMs / 1000,
  );
  const waits = new Histogram({
    name: 'steward_queue_wait_seconds',
    help: 'Time from asking for a turn until it came.',
    labelNames: ['queue'],
    buckets: WAITING_BUCKETS,
    registers,
  });
  const backupWaits = new Histogram({
    name: 'gitpod_ws_daemon_concurrent_backup_waiting_seconds_mk2',
    help: 'Time that backups waited for their turn.',
    buckets: WAITING_BUCKETS,
    registers,
  });
  const givenUp = new Counter({
    name: 'steward_queue_given_up_total',
    help: 'Waits that took too long and ended without a turn.',
    labelNames: ['queue'],
    registers,
  });
  const backupsGivenUp = new Counter({
    name: 'gitpod_ws_daemon_concurrent_backup_waiting_timeout_total_mk2',
    help: 'Backups that waited too long. None of them ran beside the limit.',
    registers,
  });
  for (const queue of QUEUE_NAMES) givenUp.inc({ queue }, 0);
  queues.observe({
    waited: (queue, milliseconds) => {
      waits.observe({ queue }, milliseconds / 1000);
      if (queue === 'backup') backupWaits.observe(milliseconds / 1000);
    },
    gaveUp: (queue) => {
      givenUp.inc({ queue });
      if (queue === 'backup') backupsGivenUp.inc();
    },
  });

  function gauge(name: string, help: string, read: (state: QueueState) => number): void {
    new Gauge({
      name,
      help,
      labelNames: ['queue'],
      registers,
      collect() {
        for (const queue of QUEUE_NAMES) this.set({ queue }, read(queues.state(queue)));
      },
    });
  }
}
