import type { Clock, Timer } from '../gateways/clock.js';
import type { ReadinessCondition } from '../gen/steward/v1/system.js';
import { READINESS_CHECK_MS } from './bounds.js';
import type { ClusterLink } from './cluster/cluster-link.js';
import { type LeaseKeeper, notTheWriter } from './writing/lease-keeper.js';

const MS_PER_SECOND = 1_000;

/**
 * What must hold for the bridge to work: it may write or stands by for the one that does, and no cluster's stream is
 * dead beyond its limit.
 */
export class BridgeReadiness {
  readonly #keeper: LeaseKeeper;
  readonly #links: () => readonly ClusterLink[];
  readonly #maxDisconnectSeconds: number;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #tell: ((ready: boolean) => void) | undefined;

  constructor(
    keeper: LeaseKeeper,
    links: () => readonly ClusterLink[],
    maxDisconnectSeconds: number,
    clock: Clock,
  ) {
    this.#keeper = keeper;
    this.#links = links;
    this.#maxDisconnectSeconds = maxDisconnectSeconds;
    this.#clock = clock;
  }

  conditions(): ReadinessCondition[] {
    return [
      this.#writer(),
      ...this.#links().map((link) => this.#stream(link)),
      ...this.#links().flatMap((link) => fallenVersions(link)),
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
    this.#timer?.cancel();
    if (this.#tell === undefined) return;
    this.#tell(this.conditions().every((condition) => condition.ready));
    this.#timer = this.#clock.schedule(this.#clock.now() + READINESS_CHECK_MS, () => this.#check());
  }

  #writer(): ReadinessCondition {
    const { lease, mode, since, isCertain } = this.#keeper;
    const condition = { name: 'writer', sinceMs: BigInt(since) };
    // Standing by is what it is there for.
    if (lease === undefined)
      return { ...condition, ready: mode === 'shared', message: notTheWriter(this.#keeper).message };
    const message = isCertain ? '' : 'The lease could not be renewed in time; the database does not answer.';
    return { ...condition, ready: isCertain, message };
  }

  #stream(link: ClusterLink): ReadinessCondition {
    const deadMs = link.connected ? 0 : this.#clock.now() - link.since;
    const isExpected = link.listedAt !== undefined || link.isLate;
    const ready = isExpected && deadMs <= this.#maxDisconnectSeconds * MS_PER_SECOND;
    const message = ready ? '' : link.lastError || 'No complete list of its instances was taken yet.';
    return { name: `manager-stream:${link.cluster.name}`, ready, message, sinceMs: BigInt(link.since) };
  }
}

/**
 * It is told, and still ready: somebody has to call this bridge to mend it, and what others say reaches the rows.
 */
function fallenVersions({ cluster, fallenAlarm: { raised } }: ClusterLink): ReadinessCondition[] {
  if (raised === undefined) return [];
  const name = `manager-versions:${cluster.name}`;
  return [{ name, ready: true, message: raised.reason, sinceMs: BigInt(raised.since) }];
}
