import type { Clock } from '../../gateways/clock.js';
import type { ClusterLink } from './cluster-link.js';
import type { OpenRow } from './open-rows.js';
import { Suspects } from './suspects.js';

export interface FallenVersionsOptions {
  readonly link: ClusterLink;
  readonly clock: Clock;
  /** Least time between the two lists that must show an instance fallen. */
  readonly apartMs: number;
  readonly onAlarm: (reason: string) => void;
}

/**
 * Sees that a manager's versions have fallen below those of the rows, as when its cluster was built anew: nothing that
 * it says of these instances is taken, until they have risen again or somebody resets the versions.
 */
export class FallenVersions {
  readonly #options: FallenVersionsOptions;
  readonly #suspects: Suspects;

  constructor(options: FallenVersionsOptions) {
    this.#options = options;
    this.#suspects = new Suspects(options.clock, options.apartMs);
  }

  /** `open` was read before the list was taken that has these versions. */
  review(open: readonly OpenRow[], listed: ReadonlyMap<string, bigint>): void {
    const { link, onAlarm } = this.#options;
    const { length } = this.#suspects.confirm(fallenIn(open, listed));
    const reason = length === 0 ? undefined : reasonOf(length, link.cluster.name);
    const isMore = length > link.fallen;
    link.versionsFell(length, reason);
    if (isMore && reason !== undefined) onAlarm(reason);
  }

  /** Nobody reviews here for a while. */
  forget(): void {
    this.#suspects.forget();
    this.#options.link.versionsFell(0, undefined);
  }
}

/** The rows that are ahead of what their manager said later. */
export function fallenIn(open: readonly OpenRow[], listed: ReadonlyMap<string, bigint>): readonly OpenRow[] {
  return open.filter(({ instance, version }) => {
    const told = listed.get(instance);
    return told !== undefined && told < version;
  });
}

function reasonOf(fallen: number, cluster: string): string {
  const instances = fallen === 1 ? '1 instance' : `${fallen} instances`;
  return `What the manager says of ${instances} of ${cluster} is refused: its versions fell below those of the rows. If it was reset, \`steward bridge reset-versions ${cluster}\` takes its word anew.`;
}
