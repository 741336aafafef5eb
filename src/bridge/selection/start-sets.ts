import type { Random } from '../../gateways/random.js';
import {
  type Candidate,
  inRegion,
  intersect,
  invert,
  offering,
  open,
  openTo,
  reservedFor,
} from './cluster-set.js';

/** Clusters under trial carry it as a constraint, and whoever may use them tries them first. */
const TRIAL_PERMISSION = 'new-workspace-cluster';

/** Who starts a workspace, and what for. */
export interface StartWish {
  /** Of the user. */
  readonly permissions: ReadonlySet<string>;
  /** Geography; '' for none. */
  readonly region: string;
  /** Of the instance; '' for any. */
  readonly workspaceClass: string;
}

/**
 * Where a workspace may be started, the best set first: clusters under trial, those of the region, the others; each
 * only as far as they are open, admit the user and offer the class. Empty sets are left out, and a cluster may be in
 * several.
 */
export function startSets<Cluster extends Candidate>(
  clusters: readonly Cluster[],
  { permissions, region, workspaceClass }: StartWish,
): readonly (readonly Cluster[])[] {
  const near = inRegion(region);
  const may = intersect(open, openTo(permissions), offering(workspaceClass));
  return [reservedFor(TRIAL_PERMISSION), near, invert(near)]
    .map((set) => clusters.filter(intersect(may, set)))
    .filter((set) => set.length > 0);
}

/**
 * The clusters to try, one after the other: set by set, and inside a set drawn by weight, each once. One that an earlier
 * set had comes again in a later one.
 */
export function* startOrder<Cluster extends Candidate>(
  clusters: readonly Cluster[],
  wish: StartWish,
  random: Pick<Random, 'fraction'>,
): Generator<Cluster, void, undefined> {
  for (const set of startSets(clusters, wish)) yield* drawn(set, random);
}

/** All of `set`, in the order of draws without putting back. */
function* drawn<Cluster extends Candidate>(
  set: readonly Cluster[],
  random: Pick<Random, 'fraction'>,
): Generator<Cluster, void, undefined> {
  const left = [...set];
  while (left.length > 0) {
    const [cluster] = left.splice(drawnAt(left, random.fraction()), 1);
    if (cluster !== undefined) yield cluster;
  }
}

/** Where the prefix sums of the weights, of 1 in all, reach `point`; the last one when they never do. */
function drawnAt(candidates: readonly Candidate[], point: number): number {
  const weights = candidates.map(({ score, maxScore }) => Math.min(score, maxScore));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  const at = weights.findIndex((weight) => {
    sum += weight;
    return sum / total >= point;
  });
  return at === -1 ? candidates.length - 1 : at;
}
