import type { InstanceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import { type ArchivePlace, storeArchive, type WorkOptions } from './archive-objects.js';
import type { BackupObjects } from './backup-objects.js';
import type { BackupPolicy } from './backup-policy.js';
import { CHAIN_SETTLE_MS, TORN_RETRIES_MAX } from './bounds.js';
import {
  type Beginning,
  beginning,
  ChainFolder,
  type ChainHead,
  excludesDigest,
  isAtRest,
  isSteppedBack,
} from './chain.js';
import type { Exclude } from './exclude.js';
import { excludesOf } from './exclude-file.js';
import { type BackupManifest, type Change, digestOf, type Part } from './manifest.js';
import { requireNoShrink } from './shrink-guard.js';
import { type Survey, surveyFolder } from './survey.js';
import { syncFolder } from './sync-folder.js';
import type { ArchiveReport } from './tar-messages.js';

export interface BackupOptions extends WorkOptions {
  readonly instance: InstanceId;
  /** Folder of this instance's listing, which the next increment goes by; made when missing. A cache. */
  readonly chain: string;
  readonly policy: BackupPolicy;
  /** Whether a tiny backup may follow a large one. */
  readonly acceptShrink?: boolean;
  /** Told of excludes that were not understood. */
  readonly onWarning?: (text: string) => void;
}

/** `unchanged`: the newest backup holds all of it already, and nothing was stored. */
export type BackupOutcome =
  | { readonly kind: 'unchanged'; readonly manifest: BackupManifest }
  | {
      readonly kind: 'committed';
      readonly manifest: BackupManifest;
      /** Why it is a full one, in words for people; absent for an increment. */
      readonly fullBecause?: string;
    };

/** What a backup goes on from, or why it cannot. */
type Plan =
  | { readonly kind: 'increment'; readonly head: ChainHead; readonly manifest: BackupManifest }
  | { readonly kind: 'full'; readonly because: string };

/** One backup from beginning to end: see docs/architecture/backups.md for what each step guards against. */
export class BackupCreation {
  readonly #objects: BackupObjects;
  readonly #place: ArchivePlace;
  readonly #folder: string;
  readonly #options: BackupOptions;
  readonly #chain: ChainFolder;

  constructor(objects: BackupObjects, folder: string, options: BackupOptions) {
    this.#objects = objects;
    this.#place = objects.place;
    this.#folder = folder;
    this.#options = options;
    this.#chain = new ChainFolder(objects.place.world, options.chain);
  }

  async run(): Promise<BackupOutcome> {
    const { world } = this.#place;
    const { policy, signal, acceptShrink = false, onWarning = () => undefined } = this.#options;
    const excludes = await excludesOf(world, this.#folder, policy.excludes, signal, onWarning);
    const latest = await this.#latest();
    const plan = await this.#plan(latest, excludes);
    const before =
      latest === undefined ? undefined : await surveyFolder(world, this.#folder, excludes, signal);
    if (plan.kind === 'increment' && before?.stateDigest === plan.head.state) {
      return this.#unchanged(plan.manifest, latest);
    }
    if (before !== undefined && !acceptShrink) requireNoShrink(latest?.tree, before, policy.shrink);
    await sleep(world.clock, CHAIN_SETTLE_MS, signal);
    const begun = beginning(world);
    await syncFolder(world, this.#folder, signal);
    const used = await this.#takeUp(plan);
    const generation = (latest?.generation ?? 0) + 1;
    const packed = await this.#pack(used, { excludes, begun, generation });
    const manifest = await this.#commit(packed, begun, latest);
    if (used.kind === 'increment') {
      await this.#objects.requireBasis(used.manifest.generation, manifest, signal);
    }
    await this.#advance(manifest, begun, excludes, packed);
    return { kind: 'committed', manifest, ...(used.kind === 'full' ? { fullBecause: used.because } : {}) };
  }

  async #takeUp(plan: Plan): Promise<Plan> {
    await this.#chain.prepare();
    if (plan.kind === 'full') return plan;
    if (await this.#chain.takeUp(plan.head, this.#options.signal)) return plan;
    await this.#chain.prepare();
    return full('the listing is damaged');
  }

  async #latest(): Promise<BackupManifest | undefined> {
    const { signal } = this.#options;
    const newest = (await this.#objects.manifests(signal)).at(-1);
    return newest === undefined ? undefined : this.#objects.read(newest.generation, signal);
  }

  async #plan(latest: BackupManifest | undefined, excludes: readonly Exclude[]): Promise<Plan> {
    const { instance, policy, signal } = this.#options;
    if (latest === undefined) return full('it is the first');
    const head = await this.#chain.head();
    if (head === undefined) return full('there is no listing of an earlier one');
    const { owner, workspace } = this.#objects;
    const isOurs = head.owner === owner && head.workspace === workspace && head.instance === instance;
    if (!isOurs) return full('the listing is of another instance');
    const now = beginning(this.#place.world);
    if (head.bootId !== now.bootId) return full('the machine was started again');
    if (isSteppedBack(head, now) || head.sinceMs > now.startedAtMs) return full('the clock was set back');
    if (head.excludes !== excludesDigest(excludes)) return full('other things are excluded than before');
    const manifest =
      head.generation === latest.generation ? latest : await this.#readIfThere(head.generation);
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

  /** What was made the newest meanwhile is not what is in the folder: then the same parts become a generation. */
  async #unchanged(manifest: BackupManifest, latest: BackupManifest | undefined): Promise<BackupOutcome> {
    if (manifest.generation === latest?.generation) return { kind: 'unchanged', manifest };
    const { signal } = this.#options;
    const again = await this.#objects.commitAgain(manifest, this.#place.world.clock.now(), signal);
    return { kind: 'committed', manifest: again };
  }

  /** The full archive or the increment, and further increments while files shrink under tar. */
  async #pack(
    plan: Plan,
    { excludes, begun, generation }: { excludes: readonly Exclude[]; begun: Beginning; generation: number },
  ): Promise<Packed> {
    const made: Part[] = [];
    let report: ArchiveReport | undefined;
    let survey: Survey | undefined;
    for (let attempt = 0; attempt <= TORN_RETRIES_MAX; attempt += 1) {
      const stored = await storeArchive(
        this.#place,
        this.#objects.newArchiveName(generation, this.#options.instance),
        this.#folder,
        {
          ...this.#options,
          ...this.#options.policy,
          kind: made.length === 0 ? plan.kind : 'increment',
          listing: this.#chain.next,
          excludes,
          onPacked: async (signal) => {
            survey = await surveyFolder(this.#place.world, this.#folder, excludes, signal);
          },
        },
      );
      made.push(stored.part);
      report = { ...stored.report, files: (report?.files ?? 0) + stored.report.files };
      if (stored.report.torn.count === 0) break;
      if (!(await this.#chain.turnBack(begun, this.#options.signal))) break;
    }
    if (survey === undefined || report === undefined) throw new Error('an archive was made without a look');
    const isExact = isAtRest(survey, begun) && !isSteppedBack(begun, beginning(this.#place.world));
    const earlier = plan.kind === 'increment' ? plan.manifest.parts : [];
    return { parts: [...earlier, ...made], made, report, survey, isExact };
  }

  async #commit(
    packed: Packed,
    begun: Beginning,
    latest: BackupManifest | undefined,
  ): Promise<BackupManifest> {
    const { owner, workspace } = this.#objects;
    const { instance, signal } = this.#options;
    const { parts, survey, isExact, report } = packed;
    const { torn, changed } = report;
    const tree = { entries: survey.entries, bytes: survey.bytes, digest: survey.treeDigest, isExact };
    const origin = { owner, workspace, instance, createdAtMs: begun.startedAtMs };
    const change = changeOf(packed, latest);
    return this.#objects.commit({ ...origin, parts: [...parts], tree, change, torn, changed }, signal);
  }

  /** The backup exists already: whatever fails here costs the next one its increment. */
  async #advance(
    manifest: BackupManifest,
    begun: Beginning,
    excludes: readonly Exclude[],
    { survey, isExact }: Packed,
  ): Promise<void> {
    const { instance, signal } = this.#options;
    const { world } = this.#place;
    const links = { manifest, instance, beginning: begun, excludes, survey, isAtRest: isExact };
    try {
      if (isSteppedBack(begun, beginning(world))) await this.#chain.clear();
      else await this.#chain.advance({ ...links, kind: 'running' }, signal);
    } catch {
      await this.#chain.clear().catch(() => undefined);
    }
  }
}

function full(because: string): Plan {
  return { kind: 'full', because };
}

interface Packed {
  /** The whole chain. */
  readonly parts: readonly Part[];
  /** What was stored now. */
  readonly made: readonly Part[];
  readonly report: ArchiveReport;
  readonly survey: Survey;
  /** Whether the survey shows what is in the archives. */
  readonly isExact: boolean;
}

function changeOf({ made, report, survey }: Packed, latest: BackupManifest | undefined): Change {
  return {
    writtenFiles: report.files,
    entriesDelta: survey.entries - (latest?.tree?.entries ?? 0),
    storedBytes: made.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}

function whyStartOver(parts: readonly Part[], policy: BackupPolicy): string | undefined {
  const [full, ...increments] = parts;
  if (increments.length >= policy.fullAfterIncrements) return 'the chain has all the increments it may have';
  const bytes = increments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const isLarge = bytes > (full?.sizeBytes ?? 0) * policy.fullWhenIncrementsExceedShare;
  return isLarge ? 'its increments are large beside the full archive' : undefined;
}
