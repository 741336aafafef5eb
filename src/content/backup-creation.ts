import type { InstanceId } from '../../machines/ids.js';
import { StewardError } from '../errors/steward-error.js';
import { sleep } from '../gateways/clock.js';
import { type ArchivePlace, discardArchive, storeArchive, type WorkOptions } from './archive-objects.js';
import type { BackupObjects } from './backup-objects.js';
import type { BackupPolicy } from './backup-policy.js';
import { CHAIN_SETTLE_MS, CHAIN_TICK_MS, TORN_RETRIES_MAX } from './bounds.js';
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
import { FolderInodes } from './folder-inodes.js';
import { type BackupManifest, type Change, digestOf, type Part } from './manifest.js';
import { requireNoShrink } from './shrink-guard.js';
import { isAsSurveyed, type Survey, surveyFolder, treeOf } from './survey.js';
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

/** The newest generation; without its manifest when that cannot be read. */
interface Latest {
  readonly generation: number;
  readonly manifest?: BackupManifest;
}

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
    this.#chain = new ChainFolder(objects.place.world, options.chain, folder);
  }

  async run(): Promise<BackupOutcome> {
    const { world } = this.#place;
    const { policy, signal, acceptShrink = false, onWarning = () => undefined } = this.#options;
    const excludes = await excludesOf(world, this.#folder, policy.excludes, signal, onWarning);
    const latest = await this.#latest();
    const plan = await this.#plan(latest, excludes);
    const before = latest === undefined ? undefined : await this.#look(excludes);
    if (plan.kind === 'increment' && before?.survey.stateDigest === plan.head.state) {
      return this.#unchanged(plan.manifest, latest);
    }
    const tree = latest?.manifest?.tree;
    if (before !== undefined && !acceptShrink) requireNoShrink(tree, before.survey, policy.shrink);
    await sleep(world.clock, CHAIN_SETTLE_MS, signal);
    const begun = beginning(world);
    await syncFolder(world, this.#folder, signal);
    const generation = (latest?.generation ?? 0) + 1;
    const task = { excludes, begun, generation, entriesBefore: tree?.entries ?? 0 };
    return this.#make(plan, before === undefined ? task : { ...task, before });
  }

  async #look(excludes: readonly Exclude[]): Promise<Look> {
    const begun = beginning(this.#place.world);
    const inodes = new FolderInodes();
    const { signal } = this.#options;
    const survey = await surveyFolder(this.#place.world, this.#folder, excludes, signal, inodes);
    return { begun, survey, inodes };
  }

  async #make(plan: Plan, task: Task): Promise<BackupOutcome> {
    let used = await this.#takeUp(plan, task.before);
    let packed = await this.#pack(used, task);
    if (packed === 'misled') {
      used = await this.#takeUp(full('folders were moved while it was made'), undefined);
      packed = await this.#pack(used, task);
    }
    if (packed === 'misled') throw new Error('a full archive cannot be misled by a listing');
    const manifest = await this.#commit(packed, task.begun);
    if (used.kind === 'increment') {
      await this.#objects.requireBasis(used.manifest.generation, manifest, this.#options.signal);
    }
    await this.#advance(manifest, task, packed);
    return { kind: 'committed', manifest, ...(used.kind === 'full' ? { fullBecause: used.because } : {}) };
  }

  async #takeUp(plan: Plan, before: Look | undefined): Promise<Plan> {
    await this.#chain.prepare();
    const inodes = before?.inodes ?? new FolderInodes();
    const started = await this.#startIncrement(plan, inodes, before?.survey.hasLinkedFiles === true);
    if (started.kind === 'increment') return started;
    // Nothing in it is of use to a full one, and what is wrong with it might be in the way of the next head.
    await this.#chain.clear();
    await this.#chain.prepare();
    return started;
  }

  async #startIncrement(plan: Plan, inodes: FolderInodes, hasLinkedFiles: boolean): Promise<Plan> {
    if (plan.kind === 'full') return plan;
    const listing = await this.#chain.takeUp(plan.head, inodes, this.#options.signal);
    if (listing === 'damaged') return full('the listing is damaged');
    // What is in a moved folder is archived again, without the other names that its files have elsewhere.
    if (listing === 'moved' && hasLinkedFiles)
      return full('a folder was moved, and files have several names');
    return plan;
  }

  /** One that cannot be read does not stand in the way of a new, full one. */
  async #latest(): Promise<Latest | undefined> {
    const newest = (await this.#objects.manifests(this.#options.signal)).at(-1);
    if (newest === undefined) return undefined;
    const manifest = await this.#readIfThere(newest.generation);
    return { generation: newest.generation, ...(manifest === undefined ? {} : { manifest }) };
  }

  async #plan(latest: Latest | undefined, excludes: readonly Exclude[]): Promise<Plan> {
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

  /** When what is the newest now has other parts than what is in the folder, those become a generation again. */
  async #unchanged(manifest: BackupManifest, latest: Latest | undefined): Promise<BackupOutcome> {
    const newest = latest?.manifest;
    const isHeld = newest !== undefined && digestOf(newest).sha256 === digestOf(manifest).sha256;
    if (isHeld) return { kind: 'unchanged', manifest: newest };
    const { signal } = this.#options;
    const again = await this.#objects.commitAgain(manifest, this.#place.world.clock.now(), signal);
    return { kind: 'committed', manifest: again };
  }

  /** The full archive or the increment, and further increments at once while files shrink under tar. */
  async #pack(plan: Plan, task: Task): Promise<Packed | 'misled'> {
    const first = await this.#archive(plan.kind, task);
    if (first === 'misled') return first;
    const made = [first];
    let isListed = true;
    let last = first;
    while (last.report.torn.count > 0 && made.length <= TORN_RETRIES_MAX) {
      if (!(await this.#chain.turnBack(task.begun, this.#options.signal))) break;
      const more = await this.#archive('increment', task);
      isListed = more !== 'misled';
      if (more === 'misled') break;
      made.push(more);
      last = more;
    }
    const earlier = plan.kind === 'increment' ? plan.manifest.parts : [];
    const { survey, report } = last;
    const isExact = isAtRest(survey, task.begun) && !isSteppedBack(task.begun, beginning(this.#place.world));
    return {
      parts: [...earlier, ...made.map(({ part }) => part)],
      change: {
        writtenFiles: made.reduce((sum, { report: { files } }) => sum + files, 0),
        entriesDelta: survey.entries - task.entriesBefore,
        storedBytes: made.reduce((sum, { part: { sizeBytes } }) => sum + sizeBytes, 0),
      },
      ...{ report, survey, isExact, isListed },
    };
  }

  /** `misled`: tar took a folder for another one and left out what is in it; nothing is stored then. */
  async #archive(kind: Part['kind'], task: Task): Promise<Archived | 'misled'> {
    const { begun, excludes, generation } = task;
    const { instance, signal, onProgress, policy } = this.#options;
    const { bandwidthBytesPerSecond } = policy;
    const name = this.#objects.newArchiveName(generation, instance);
    let survey: Survey | undefined;
    const { part, report } = await storeArchive(this.#place, name, this.#folder, {
      ...{ signal, kind, excludes, listing: this.#chain.next },
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(bandwidthBytesPerSecond === undefined ? {} : { bandwidthBytesPerSecond }),
      onPacked: async (alive) => {
        survey = await this.#lookAgain(task, alive);
        return { survey, isAtRest: isAtRest(survey, begun) };
      },
    });
    if (survey === undefined) throw new Error('an archive was made and nobody looked at the content');
    if (report.renamed.count === 0) return { part, report, survey };
    await discardArchive(this.#place, name);
    return 'misled';
  }

  /** What was seen before is what is there still, unless something was touched. */
  async #lookAgain({ before, excludes }: Task, signal: AbortSignal): Promise<Survey> {
    const { world } = this.#place;
    if (before !== undefined) {
      const since = { survey: before.survey, sinceMs: before.begun.startedAtMs - CHAIN_TICK_MS - 1 };
      const isSame = await isAsSurveyed(world, this.#folder, excludes, since, signal);
      if (isSame && !isSteppedBack(before.begun, beginning(world))) return before.survey;
    }
    return surveyFolder(world, this.#folder, excludes, signal);
  }

  async #commit(packed: Packed, begun: Beginning): Promise<BackupManifest> {
    const { owner, workspace } = this.#objects;
    const { instance, signal } = this.#options;
    const { parts, change, survey, isExact, report } = packed;
    const { torn, changed } = report;
    const tree = treeOf(survey, isExact);
    const origin = { owner, workspace, instance, createdAtMs: begun.startedAtMs };
    return this.#objects.commit({ ...origin, parts: [...parts], tree, change, torn, changed }, signal);
  }

  /** The backup exists already: whatever fails here costs the next one its increment. */
  async #advance(
    manifest: BackupManifest,
    { begun, excludes }: Task,
    { survey, isExact, isListed }: Packed,
  ): Promise<void> {
    const { instance, signal } = this.#options;
    const { world } = this.#place;
    const links = { manifest, instance, beginning: begun, excludes, survey, isAtRest: isExact };
    try {
      if (!isListed || isSteppedBack(begun, beginning(world))) await this.#chain.clear();
      else await this.#chain.advance({ ...links, kind: 'running' }, signal);
    } catch {
      await this.#chain.clear().catch(() => undefined);
    }
  }
}

function full(because: string): Plan {
  return { kind: 'full', because };
}

/** How the content was found, and when that began. */
interface Look {
  readonly begun: Beginning;
  readonly survey: Survey;
  readonly inodes: FolderInodes;
}

/** What is the same for all archives of one backup. */
interface Task {
  readonly excludes: readonly Exclude[];
  readonly begun: Beginning;
  /** The one it will probably be. */
  readonly generation: number;
  /** Absent when there was nothing to compare it with. */
  readonly before?: Look;
  /** Of the content in the backup before. */
  readonly entriesBefore: number;
}

interface Archived {
  readonly part: Part;
  readonly report: ArchiveReport;
  /** Of the content, once nothing read it any more. */
  readonly survey: Survey;
}

interface Packed extends Omit<Archived, 'part'> {
  /** The whole chain. */
  readonly parts: readonly Part[];
  readonly change: Change;
  /** Whether the survey shows what is in the archives. */
  readonly isExact: boolean;
  /** Whether tar's listing belongs to the last part. */
  readonly isListed: boolean;
}

function whyStartOver(parts: readonly Part[], policy: BackupPolicy): string | undefined {
  const [full, ...increments] = parts;
  if (increments.length >= policy.fullAfterIncrements) return 'the chain has all the increments it may have';
  const bytes = increments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const isLarge = bytes > (full?.sizeBytes ?? 0) * policy.fullWhenIncrementsExceedShare;
  return isLarge ? 'its increments are large beside the full archive' : undefined;
}
