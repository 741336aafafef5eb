import type { Clock, Timer } from '../gateways/clock.js';
import type { ReadinessCondition } from '../gen/steward/v1/system.js';
import { READINESS_CHECK_MS } from './bounds.js';
import type { Alarm } from './cluster/alarm.js';
import type { ClusterLink } from './cluster/cluster-link.js';
import { type LeaseKeeper, notTheWriter } from './writing/lease-keeper.js';

const MS_PER_SECOND = 1_000;

export interface ReadinessOptions {
  readonly keeper: Pick<LeaseKeeper, 'lease' | 'mode' | 'since' | 'isCertain' | 'heldBy'>;
  readonly links: () => readonly ClusterLink[];
  /** Of events that are not published. */
  readonly outbox: Alarm;
  readonly maxDisconnectSeconds: number;
  readonly clock: Clock;
}

/**
 * What must hold for the bridge to work: it may write or stands by for the one that does, and no cluster's stream is
 * dead beyond its limit. What else is wrong is told, and no reason to keep callers away.
 */
export class BridgeReadiness {
  readonly #options: ReadinessOptions;
  #timer: Timer | undefined;
  #tell: ((ready: boolean) => void) | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  conditions(): ReadinessCondition[] {
    const links = this.#options.links();
    return [
      this.#writer(),
      ...links.map((link) => this.#stream(link)),
      ...links.flatMap((link) => told(`manager-versions:${link.cluster.name}`, link.fallenAlarm)),
      ...told('outbox', this.#options.outbox),
    ];
  }

  /** Calls `tell` now and then with whether all conditions hold. */
  watch(tell: (ready: boolean) => void): void {
    this.#tell = tell;
    this.#check();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#tell = undefined;
  }

  #check(): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    if (this.#tell === undefined) return;
    this.#tell(this.conditions().every((condition) => condition.ready));
    this.#timer = clock.schedule(clock.now() + READINESS_CHECK_MS, () => this.#check());
  }

  #writer(): ReadinessCondition {
    const { keeper } = this.#options;
    const { lease, mode, since, isCertain } = keeper;
    const condition = { name: 'writer', sinceMs: BigInt(since) };
    // Standing by is what it is there for.
    if (lease === undefined)
      return { ...condition, ready: mode === 'shared', message: notTheWriter(keeper).message };
    const message = isCertain ? '' : 'The lease could not be renewed in time; the database does not answer.';
    return { ...condition, ready: isCertain, message };
  }

  #stream(link: ClusterLink): ReadinessCondition {
    const { clock, maxDisconnectSeconds } = this.#options;
    const deadMs = link.connected ? 0 : clock.now() - link.since;
    const isExpected = link.listedAt !== undefined || link.isLate;
    const ready = isExpected && deadMs <= maxDisconnectSeconds * MS_PER_SECOND;
    const message = ready ? '' : link.lastError || 'No complete list of its instances was taken yet.';
    return { name: `manager-stream:${link.cluster.name}`, ready, message, sinceMs: BigInt(link.since) };
  }
}

function told(name: string, { raised }: Alarm): ReadinessCondition[] {
  if (raised === undefined) return [];
  return [{ name, ready: true, message: raised.reason, sinceMs: BigInt(raised.since) }];
}
