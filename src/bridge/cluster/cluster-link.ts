import type { StewardError } from '../../errors/steward-error.js';
import type { Clock } from '../../gateways/clock.js';
import type { WorkspaceCluster } from '../clusters/workspace-cluster.js';
import { Alarm } from './alarm.js';

/**
 * A cluster's present settings, and how the connection to its manager is doing: written by its parts, read by
 * health, metrics and people. It outlives a connection that is replaced.
 */
export class ClusterLink {
  readonly #clock: Clock;
  #cluster: WorkspaceCluster;
  readonly isLate: boolean;
  /** Of its control loop. */
  readonly alarm: Alarm;
  /** Its manager's versions fell. */
  readonly fallenAlarm: Alarm;
  #fallen = 0;
  #subscribed = false;
  #connected = false;
  #since: number;
  #heardAt: number | undefined;
  #listedAt: number | undefined;
  #instances = 0;
  #lastError = '';
  #connections = 0;

  /** `isLate`: it was registered while the bridge ran, and nobody waits for its first list. */
  constructor(cluster: WorkspaceCluster, clock: Clock, isLate = false) {
    this.#cluster = cluster;
    this.isLate = isLate;
    this.#clock = clock;
    this.#since = clock.now();
    this.alarm = new Alarm(clock);
    this.fallenAlarm = new Alarm(clock);
  }

  get cluster(): WorkspaceCluster {
    return this.#cluster;
  }

  /** Whether the stream of statuses stands, and since when that is so (milliseconds since the epoch). */
  get connected(): boolean {
    return this.#connected;
  }

  get since(): number {
    return this.#since;
  }

  /** When the last status came; undefined before the first. */
  get heardAt(): number | undefined {
    return this.#heardAt;
  }

  get listedAt(): number | undefined {
    return this.#listedAt;
  }

  /** Instances in the last complete list. */
  get instances(): number {
    return this.#instances;
  }

  /** Instances whose manager has a version below that of their row, so that what it says is refused. */
  get fallen(): number {
    return this.#fallen;
  }

  get lastError(): string {
    return this.#cluster.problem ?? this.#lastError;
  }

  get reconnects(): number {
    return Math.max(0, this.#connections - 1);
  }

  /** Its settings have changed. */
  update(cluster: WorkspaceCluster): void {
    this.#cluster = cluster;
  }

  /**
   * A subscription is asked for. Some managers answer it with its first status only: a list that is answered meanwhile
   * shows as well that it stands.
   */
  subscribing(): void {
    this.#subscribed = true;
  }

  streamStarted(): void {
    if (this.#connected) return;
    this.#connections += 1;
    this.#connected = true;
    this.#since = this.#clock.now();
    this.#lastError = '';
  }

  streamEnded(error: StewardError | undefined): void {
    this.#subscribed = false;
    if (error !== undefined) this.#lastError = error.message;
    if (!this.#connected) return;
    this.#connected = false;
    this.#since = this.#clock.now();
  }

  heard(): void {
    this.#heardAt = this.#clock.now();
  }

  listed(instances: number): void {
    this.#listedAt = this.#clock.now();
    this.#instances = instances;
    if (this.#subscribed) this.streamStarted();
    // Whatever failed before, both work now.
    if (this.#connected) this.#lastError = '';
  }

  /** `reason` is undefined when none have fallen. */
  versionsFell(instances: number, reason: string | undefined): void {
    this.#fallen = instances;
    if (reason === undefined) this.fallenAlarm.clear();
    else this.fallenAlarm.raise(reason);
  }

  listFailed(error: StewardError): void {
    this.#lastError = error.message;
  }
}
