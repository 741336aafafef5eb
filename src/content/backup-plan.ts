import type { InstanceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import type { BackupObjects } from './backup-objects.js';
import type { BackupPolicy } from './backup-policy.js';
import { beginning, type ChainFolder, type ChainHead, excludesDigest, isSteppedBack } from './chain.js';
import type { Exclude } from './exclude.js';
import { type BackupManifest, digestOf, type Part } from './manifest.js';

/** The newest generation; without its manifest when that cannot be read. */
export interface Latest {
  readonly generation: number;
  readonly manifest?: BackupManifest;
}

/** What a backup goes on from, or why it cannot. */
export type Plan =
  | { readonly kind: 'increment'; readonly head: ChainHead; readonly manifest: BackupManifest }
  | { readonly kind: 'full'; readonly because: string };

export interface PlanOptions {
  readonly instance: InstanceId;
  readonly policy: BackupPolicy;
  readonly signal: AbortSignal;
}

/** Decides whether a backup is an increment, by what is stored and by what the chain's folder remembers. */
export class BackupPlanner {
  readonly #objects: BackupObjects;
  readonly #chain: ChainFolder;
  readonly #options: PlanOptions;

  constructor(objects: BackupObjects, chain: ChainFolder, options: PlanOptions) {
    this.#objects = objects;
    this.#chain = chain;
    this.#options = options;
  }

  /** One that cannot be read does not stand in the way of a new, full one. */
  async latest(): Promise<Latest | undefined> {
    const newest = (await this.#objects.manifests(this.#options.signal)).at(-1);
    if (newest === undefined) return undefined;
    const manifest = await this.#readIfThere(newest.generation);
    return { generation: newest.generation, ...(manifest === undefined ? {} : { manifest }) };
  }

  async plan(latest: Latest | undefined, excludes: readonly Exclude[]): Promise<Plan> {
    const { instance, policy, signal } = this.#options;
    if (latest === undefined) return full('it is the first');
    const head = await this.#chain.head();
    if (head === undefined) return full('there is no listing of an earlier one');
    const { owner, workspace } = this.#objects;
    const isOurs = head.owner === owner && head.workspace === workspace && head.instance === instance;
    if (!isOurs) return full('the listing is of another instance');
    const now = beginning(this.#objects.place.world);
    if (head.bootId !== now.bootId) return full('the machine was started again');
    if (isSteppedBack(head, now) || head.sinceMs > now.startedAtMs) return full('the clock was set back');
    if (head.excludes !== excludesDigest(excludes)) return full('other things are excluded than before');
    const manifest =
      head.generation === latest.generation ? latest.manifest : await this.#readIfThere(head.generation);
    if (manifest === undefined || digestOf(manifest).sha256 !== head.backup) {
      return full('the backup it would build on is gone');
    }
    const because = whyStartOver(manifest.parts, policy);
    if (because !== undefined) return full(because);
    if (await this.#objects.isStored(manifest, signal)) return { kind: 'increment', head, manifest };
    return full('an archive it would build on is gone');
  }

  async #readIfThere(generation: number): Promise<BackupManifest | undefined> {
    try {
      return await this.#objects.read(generation, this.#options.signal);
    } catch (error) {
      const isGone =
        error instanceof StewardError && /^(backup-not-found|manifest-unreadable)$/.test(error.code);
      if (isGone) return undefined;
      throw error;
    }
  }
}

export function full(because: string): Plan {
  return { kind: 'full', because };
}

function whyStartOver(parts: readonly Part[], policy: BackupPolicy): string | undefined {
  const [whole, ...increments] = parts;
  if (increments.length >= policy.fullAfterIncrements) return 'the chain has all the increments it may have';
  const bytes = increments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const isLarge = bytes > (whole?.sizeBytes ?? 0) * policy.fullWhenIncrementsExceedShare;
  return isLarge ? 'its increments are large beside the full archive' : undefined;
}
