import type { Clock, Timer } from '../gateways/clock.js';
import type { ReadinessCondition } from '../gen/steward/v1/system.js';
import { READINESS_CHECK_MS } from './bounds.js';
import type { ClusterLink } from './cluster/cluster-link.js';

const MS_PER_SECOND = 1_000;

/** What must hold for the bridge to work: it may write, and no cluster's stream is dead beyond its limit. */
export class BridgeReadiness {
  readonly #links: () => readonly ClusterLink[];
  readonly #maxDisconnectSeconds: number;
  readonly #clock: Clock;
  readonly #startedAt: number;
  #fenced: { readonly message: string; readonly since: number } | undefined;
  #timer: Timer | undefined;
  #tell: ((ready: boolean) => void) | undefined;

  constructor(links: () => readonly ClusterLink[], maxDisconnectSeconds: number, clock: Clock) {
    this.#links = links;
    this.#maxDisconnectSeconds = maxDisconnectSeconds;
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  conditions(): ReadinessCondition[] {
    return [this.#writer(), ...this.#links().map((link) => this.#stream(link))];
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

  /** Another bridge writes now. */
  fence(message: string): void {
    this.#fenced = { message, since: this.#clock.now() };
    this.#check();
  }

  #check(): void {
    this.#timer?.cancel();
    if (this.#tell === undefined) return;
    this.#tell(this.conditions().every((condition) => condition.ready));
    this.#timer = this.#clock.schedule(this.#clock.now() + READINESS_CHECK_MS, () => this.#check());
  }

  #writer(): ReadinessCondition {
    const since = this.#fenced?.since ?? this.#startedAt;
    const message = this.#fenced?.message ?? '';
    return { name: 'writer', ready: this.#fenced === undefined, message, sinceMs: BigInt(since) };
  }

  #stream(link: ClusterLink): ReadinessCondition {
    const deadMs = link.connected ? 0 : this.#clock.now() - link.since;
    const ready = link.listedAt !== undefined && deadMs <= this.#maxDisconnectSeconds * MS_PER_SECOND;
    const message = ready ? '' : link.lastError || 'No complete list of its instances was taken yet.';
    return { name: `manager-stream:${link.cluster.name}`, ready, message, sinceMs: BigInt(link.since) };
  }
}
