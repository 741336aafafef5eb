import { type StewardError, toStewardError } from '../../errors/steward-error.js';
import { type Clock, sleep } from '../../gateways/clock.js';
import type { Random } from '../../gateways/random.js';
import type { WorkspaceStatus } from '../../gen/ws-manager-api/core.js';
import { ATTRIBUTE, NO_TRACER, type Tracer } from '../../telemetry/tracing/tracer.js';
import { backoffMs } from '../backoff.js';
import { LIST_CHUNK_MAX, LIST_DEADLINE_MS, RECONNECT_MAX_MS, RECONNECT_MIN_MS } from '../bounds.js';
import type { ManagerClient } from '../clusters/manager-service.js';
import type { ClusterLink } from './cluster-link.js';
import type { OpenRow } from './open-rows.js';

export interface ListerOptions {
  readonly client: Pick<ManagerClient, 'getWorkspaces'>;
  readonly link: ClusterLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly intervalMs: number;
  /** Rows that are not stopped; read before each list, so that what it does not know is not merely newer. */
  readonly openRows: () => Promise<readonly OpenRow[]>;
  readonly onStatus: (status: WorkspaceStatus) => void;
  /** In place of `onStatus` for what its row says already, so that a list costs what has changed, not what there is. */
  readonly onKnown: () => void;
  /** After each complete list was handed on: the instances it has, each with its version. */
  readonly onListed: (open: readonly OpenRow[], versions: ReadonlyMap<string, bigint>) => void;
  readonly onFailed: (error: StewardError) => void;
  /** Makes spans of what is done; nobody does without. */
  readonly tracer?: Tracer | undefined;
}

/**
 * Takes complete lists of a manager's instances: when asked to, and periodically. A list that fails is taken
 * again with growing pauses, also when it is asked for: what is too much for a manager is not made more.
 */
export class ClusterLister {
  readonly #options: ListerOptions;
  #requested = false;
  #wake: AbortController | undefined;

  constructor(options: ListerOptions) {
    this.#options = options;
  }

  /** Takes a list as soon as possible; one that is under way is followed by another. */
  request(): void {
    this.#requested = true;
    this.#wake?.abort();
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { intervalMs, random, link, onFailed, tracer = NO_TRACER } = this.#options;
    const attributes = () => ({ [ATTRIBUTE.cluster]: link.cluster.name });
    signal.addEventListener('abort', () => this.#wake?.abort(), { once: true });
    let failures = 0;
    while (!signal.aborted) {
      if (failures === 0) await this.#rest(intervalMs, signal);
      else await this.#pause(backoffMs(failures, RECONNECT_MIN_MS, RECONNECT_MAX_MS, random), signal);
      if (signal.aborted) return;
      this.#requested = false;
      try {
        await tracer.span('controlInstances', { parent: 'root', attributes }, () => this.#list(signal));
        failures = 0;
      } catch (thrown) {
        failures += 1;
        const error = toStewardError(thrown, 'unavailable');
        if (signal.aborted) return;
        link.listFailed(error);
        onFailed(error);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, link, clock, onStatus, onKnown, onListed } = this.#options;
    const open = await this.#options.openRows();
    const stored = new Map(open.map(({ instance, version }) => [instance, version]));
    const { status: statuses } = await client.getWorkspaces(
      { mustMatch: undefined },
      { signal, timeoutMs: LIST_DEADLINE_MS },
    );
    const versions = new Map<string, bigint>();
    let seen = 0;
    for (const status of statuses) {
      seen += 1;
      // The stream is looked at in between: what happens now does not wait behind what has happened.
      if (seen % LIST_CHUNK_MAX === 0) await sleep(clock, 0, signal);
      const { id, statusVersion } = status;
      versions.set(id, statusVersion);
      // Without a version nobody can tell.
      if (statusVersion > 0n && stored.get(id) === statusVersion) onKnown();
      else onStatus(status);
    }
    link.listed(versions.size);
    onListed(open, versions);
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#options.clock, milliseconds, signal).catch(() => undefined);
  }

  /** Until a list is asked for, too. */
  async #rest(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (this.#requested || signal.aborted) return;
    this.#wake = new AbortController();
    await sleep(this.#options.clock, milliseconds, this.#wake.signal).catch(() => undefined);
    this.#wake = undefined;
  }
}
