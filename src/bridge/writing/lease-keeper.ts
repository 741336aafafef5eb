import type { DatabaseDoor } from '../../database/database.js';
import { StewardError, toStewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import { LEASE_POLL_MS, LEASE_RENEWAL_MS, LEASE_VALID_MS } from '../bounds.js';
import { claimLease, type Lease, leaseHolder, releaseLease, renewLease, takeLease } from '../lease.js';
import { isoTime } from '../pipeline/iso-time.js';

/**
 * `alone`: there is one bridge for this database, and one that starts takes the lease over for good. `shared`: others
 * may stand by, and whoever has the lease keeps it as long as it renews it.
 */
export type LeaseMode = 'alone' | 'shared';

export interface KeeperOptions {
  readonly database: DatabaseDoor;
  readonly clock: Clock;
  readonly mode: LeaseMode;
  /** Who we are, for the others. */
  readonly holder: string;
  readonly onGained: (lease: Lease) => void;
  /** Nothing may be written from here on; `onGained` comes again when we have it anew. */
  readonly onLost: (reason: string) => void;
  /** It is still ours, for sure again. */
  readonly onRenewed: () => void;
  /** Somebody else still has it. */
  readonly onWaited: () => void;
  readonly onFailed: (error: StewardError) => void;
}

/** Gets the lease of a database, keeps it, and gets it again: the one place that knows whether we may write. */
export class LeaseKeeper {
  readonly #options: KeeperOptions;
  #lease: Lease | undefined;
  #heldBy = '';
  #since: number;
  /** Until when nobody else can have it, as far as we know: monotonic milliseconds. */
  #certainUntil = 0;
  #wake = new AbortController();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#since = options.clock.now();
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  get mode(): LeaseMode {
    return this.#options.mode;
  }

  /** Who writes while we do not; '' when nobody is known. */
  get heldBy(): string {
    return this.#heldBy;
  }

  /** Since when it is as it is, milliseconds since the epoch. */
  get since(): number {
    return this.#since;
  }

  /** Whether nobody else can have taken it, without asking the database. */
  get isCertain(): boolean {
    if (this.#lease === undefined) return false;
    return this.#options.mode === 'alone' || this.#options.clock.monotonic() < this.#certainUntil;
  }

  /** Takes the lease if it is there for us. Fails as the database does. */
  async claim(): Promise<void> {
    const { database, clock, mode, holder } = this.#options;
    const now = isoTime(clock.now());
    if (mode === 'alone') {
      this.#gain(await takeLease(database, holder, now), clock.monotonic());
      return;
    }
    this.#heldBy = (await leaseHolder(database)) ?? '';
    if (this.#heldBy !== '') return this.#options.onWaited();
    const startedAt = clock.monotonic();
    const claimed = await claimLease(database, holder, now);
    if ('lease' in claimed) this.#gain(claimed.lease, startedAt);
    else this.#heldBy = claimed.heldBy;
  }

  /** Renews what we have and waits for what we do not, until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, mode, onFailed } = this.#options;
    signal.addEventListener('abort', () => this.#wake.abort(), { once: true });
    while (!signal.aborted) {
      if (this.#wake.signal.aborted) this.#wake = new AbortController();
      const pause = this.#lease === undefined ? LEASE_POLL_MS : LEASE_RENEWAL_MS;
      await sleep(clock, pause, this.#wake.signal).catch(() => undefined);
      if (signal.aborted || mode === 'alone') continue;
      try {
        await this.#step();
      } catch (error) {
        onFailed(toStewardError(error, 'unavailable'));
      }
    }
  }

  /** A write was refused because somebody else has `lease` now. */
  lost(lease: Lease): void {
    if (this.#lease?.token !== lease.token) return;
    this.#lease = undefined;
    this.#since = this.#options.clock.now();
    this.#options.onLost('Another bridge has taken over this database; this one writes no more.');
    this.#wake.abort();
  }

  /** Gives it back, after the last write. */
  async release(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    if (lease !== undefined && this.#options.mode === 'shared') {
      await releaseLease(this.#options.database, lease);
    }
  }

  async #step(): Promise<void> {
    const { database, clock } = this.#options;
    const lease = this.#lease;
    if (lease === undefined) return this.claim();
    const startedAt = clock.monotonic();
    if (!(await renewLease(database, lease))) return this.lost(lease);
    this.#certainUntil = startedAt + LEASE_VALID_MS;
    this.#options.onRenewed();
  }

  #gain(lease: Lease, startedAt: number): void {
    const { clock, onGained } = this.#options;
    this.#lease = lease;
    this.#heldBy = '';
    this.#since = clock.now();
    this.#certainUntil = startedAt + LEASE_VALID_MS;
    onGained(lease);
  }
}

/** Why this bridge does not write now, for its callers. */
export function notTheWriter({ heldBy, mode }: Pick<LeaseKeeper, 'heldBy' | 'mode'>): StewardError {
  const writer = heldBy === '' ? 'another one' : heldBy;
  const message =
    mode === 'alone'
      ? 'Another bridge has taken over this database; this one writes no more.'
      : `This bridge stands by: ${writer} writes to the database. Call that one.`;
  return new StewardError('unavailable', message);
}
