import PQueue from 'p-queue';
import type { Writing } from '../../../src/bridge/clusters/writing.js';
import { checkLease, type Lease, takeLease } from '../../../src/bridge/lease.js';
import { OutboxRelay } from '../../../src/bridge/outbox-relay.js';
import { acceptStatus } from '../../../src/bridge/pipeline/accept.js';
import { InstanceMailboxes, type Lane } from '../../../src/bridge/pipeline/instance-mailboxes.js';
import {
  type InstanceWork,
  InstanceWriter,
  type Outcome,
  type WriterOptions,
} from '../../../src/bridge/pipeline/instance-writer.js';
import type { PrebuildResult } from '../../../src/bridge/prebuilds/prebuild-updater.js';
import type { Database } from '../../../src/database/database.js';
import type { StewardError } from '../../../src/errors/steward-error.js';
import type { PublishedEvent } from '../../../src/events/event-publisher.js';
import type { WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { openTestDatabase } from '../../support/test-database.js';
import { ManualClock, steadyRandom } from './manual-clock.js';

export interface InstanceRow {
  readonly id: string;
  readonly region: string;
  readonly phase: string;
  readonly phasePersisted: string;
  readonly startedTime: string;
  readonly deployedTime: string;
  readonly stoppingTime: string;
  readonly stoppedTime: string;
  readonly ideUrl: string;
  readonly status: string;
}

export const openMigrated = openTestDatabase;

export async function emptyTables(database: Database): Promise<void> {
  const tables = [
    'd_b_workspace_instance',
    'd_b_workspace',
    'd_b_workspace_instance_metrics',
    'd_b_gitpod_token',
    'd_b_prebuilt_workspace',
    'd_b_prebuild_info',
  ];
  for (const table of [...tables, 'steward_outbox', 'steward_adoption']) {
    await database.write((transaction) => transaction(table).delete());
  }
}

type WriterSettings = Pick<
  WriterOptions,
  'adoptUnknownInstances' | 'isUnassigned' | 'prebuildReading' | 'tellsLives'
>;

/** As long as nobody has taken the lease. */
function writingWith(database: Database, lease: Lease, answer: () => void): Pick<Writing, 'write'> {
  return {
    write: async (work) => {
      const result = await database.write(async (transaction) => {
        await checkLease(transaction, lease);
        return work(transaction);
      });
      answer();
      return result;
    },
  };
}

/** The pipeline from an accepted status to a published event, on a real database, in a time of its own. */
export class PipelineHarness {
  readonly clock: ManualClock;
  readonly database: Database;
  readonly outcomes: Outcome[] = [];
  readonly failures: { error: StewardError; dropped: boolean }[] = [];
  readonly published: PublishedEvent[] = [];
  readonly prebuilds: readonly PrebuildResult[];
  readonly mailboxes: InstanceMailboxes;
  readonly relay: OutboxRelay;
  outdated = 0;
  fenced = 0;
  /** Called before each transaction; what it throws is the database's answer. */
  beforeWrite: (work: readonly InstanceWork[]) => void = () => undefined;
  /** Called after each commit; what it throws is what the pipeline hears of it. */
  answer: () => void = () => undefined;
  beforePublish: (event: PublishedEvent) => Promise<void> | void = () => undefined;

  static async start(
    database: Database,
    clock = new ManualClock(),
    settings: Partial<WriterSettings> = {},
  ): Promise<PipelineHarness> {
    const lease = await takeLease(database, 'test', new Date(clock.now()).toISOString());
    const prebuilds: PrebuildResult[] = [];
    const writer = new InstanceWriter({
      dialect: database.dialect,
      writing: writingWith(database, lease, () => harness.answer()),
      clock,
      adoptUnknownInstances: true,
      isUnassigned: () => false,
      prebuildReading: 'when-stopped',
      tellsLives: false,
      ...settings,
      onCommitted: (events) => harness.relay.offer(events),
      onRepeated: () => harness.relay.readAnew(),
      onPrebuilds: (result) => prebuilds.push(result),
    });
    const harness = new PipelineHarness(database, clock, writer, prebuilds);
    return harness;
  }

  private constructor(
    database: Database,
    clock: ManualClock,
    writer: InstanceWriter,
    prebuilds: readonly PrebuildResult[],
  ) {
    this.prebuilds = prebuilds;
    this.database = database;
    this.clock = clock;
    this.mailboxes = new InstanceMailboxes({
      write: async (work) => {
        this.beforeWrite(work);
        return writer.write(work);
      },
      databaseWork: new PQueue({ concurrency: 1 }),
      clock,
      random: steadyRandom,
      observer: {
        outdated: () => {
          this.outdated += 1;
        },
        settled: (_work, outcome) => this.outcomes.push(outcome),
        failed: (_instances, error, dropped) => this.failures.push({ error, dropped }),
        fenced: () => {
          this.fenced += 1;
        },
      },
      onObserverFailed: (thrown) => {
        throw thrown;
      },
    });
    this.relay = new OutboxRelay({
      database,
      writing: database,
      mayPublish: () => true,
      publisher: {
        publish: async (event) => {
          await this.beforePublish(event);
          this.published.push(event);
        },
      },
      clock,
      random: steadyRandom,
      published: () => undefined,
      failed: () => undefined,
    });
  }

  send(status: WorkspaceStatus, lane: Lane = 'live', cluster = 'local'): void {
    const update = acceptStatus(cluster, status, this.clock.now());
    if (!('refused' in update)) this.mailboxes.accept(update, lane);
  }

  /** Until nothing waits, or another one writes; pauses between attempts pass at once. */
  async settle(): Promise<void> {
    let settled = false;
    void this.mailboxes.settled().then(() => {
      settled = true;
    });
    while (!settled && this.fenced === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.clock.timers > 0) this.clock.advance(60_000);
    }
  }

  async rows(): Promise<readonly InstanceRow[]> {
    return this.database.read((connection) =>
      connection('d_b_workspace_instance').orderBy('id').select<InstanceRow[]>(),
    );
  }

  async row(id: string): Promise<InstanceRow> {
    const row = (await this.rows()).find((candidate) => candidate.id === id);
    if (row === undefined) throw new Error(`there is no row ${id}`);
    return row;
  }
}

/** The version as the row's JSON spells it: JavaScript's numbers end at 2^53. */
export function versionIn(row: InstanceRow): bigint {
  return BigInt(/"version":\s*(\d+)/.exec(row.status)?.[1] ?? '-1');
}
