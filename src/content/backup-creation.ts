import { sleep } from '../gateways/clock.js';
import type { ArchivePlace } from './archive-objects.js';
import type { BackupObjects } from './backup-objects.js';
import { BackupPacking, type PackedBackup, type PackingOptions, type Task } from './backup-packing.js';
import { BackupPlanner, full, type Latest, type Plan } from './backup-plan.js';
import { CHAIN_SETTLE_MS } from './bounds.js';
import { type Beginning, beginning, ChainFolder, type ChainHead, isSteppedBack } from './chain.js';
import type { Exclude } from './exclude.js';
import { excludesOf } from './exclude-file.js';
import { folderInodes } from './folder-inodes.js';
import { type BackupManifest, digestOf } from './manifest.js';
import { surveyFolder, surveyUntouched, treeOf } from './survey.js';
import { syncFolder } from './sync-folder.js';

export interface BackupOptions extends PackingOptions {
  /** Folder of this instance's listing, which the next increment goes by; made when missing. A cache. */
  readonly chain: string;
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

/** One backup from beginning to end: see docs/architecture/backups.md for what each step guards against. */
export class BackupCreation {
  readonly #objects: BackupObjects;
  readonly #place: ArchivePlace;
  readonly #folder: string;
  readonly #options: BackupOptions;
  readonly #chain: ChainFolder;
  readonly #packing: BackupPacking;

  constructor(objects: BackupObjects, folder: string, options: BackupOptions) {
    this.#objects = objects;
    this.#place = objects.place;
    this.#folder = folder;
    this.#options = options;
    this.#chain = new ChainFolder(objects.place.world, options.chain, folder);
    this.#packing = new BackupPacking(objects, folder, this.#chain, options);
  }

  async run(): Promise<BackupOutcome> {
    const { world } = this.#place;
    const { policy, signal, onWarning = () => undefined } = this.#options;
    const settled = sleep(world.clock, CHAIN_SETTLE_MS, signal);
    settled.catch(() => undefined);
    const excludes = await excludesOf(world, this.#folder, policy.excludes, signal, onWarning);
    const planner = new BackupPlanner(this.#objects, this.#chain, this.#options);
    const latest = await planner.latest();
    const plan = await planner.plan(latest, excludes);
    if (plan.kind === 'increment' && (await this.#isUnchanged(plan.head, excludes))) {
      return this.#unchanged(plan.manifest, latest);
    }
    await settled;
    const begun = beginning(world);
    const generation = (latest?.generation ?? 0) + 1;
    return this.#make(plan, { excludes, begun, generation, treeBefore: latest?.manifest?.tree });
  }

  async #isUnchanged(head: ChainHead, excludes: readonly Exclude[]): Promise<boolean> {
    const { world } = this.#place;
    const { signal } = this.#options;
    const { state, untouchedSinceMs = Number.POSITIVE_INFINITY } = head;
    if (state === undefined) return false;
    const survey = await surveyUntouched(world, this.#folder, excludes, untouchedSinceMs, signal);
    return survey !== 'touched' && survey.stateDigest === state;
  }

  async #make(plan: Plan, task: Task): Promise<BackupOutcome> {
    const { signal } = this.#options;
    const synced = syncFolder(this.#place.world, this.#folder, signal);
    // It may fail before anybody waits for it.
    synced.catch(() => undefined);
    let used = await this.#takeUp(plan, task.excludes).finally(() => synced.catch(() => undefined));
    await synced;
    let packed = await this.#packing.pack(used, task);
    if (packed === 'misled') {
      used = await this.#takeUp(full('folders were moved while it was made'), task.excludes);
      packed = await this.#packing.pack(used, task);
    }
    if (packed === 'misled') throw new Error('a full archive cannot be misled by a listing');
    const manifest = await this.#commit(packed, task.begun);
    if (used.kind === 'increment') {
      await this.#objects.requireBasis(used.manifest.generation, manifest, signal);
    }
    await this.#advance(manifest, task, packed);
    return { kind: 'committed', manifest, ...(used.kind === 'full' ? { fullBecause: used.because } : {}) };
  }

  async #takeUp(plan: Plan, excludes: readonly Exclude[]): Promise<Plan> {
    await this.#chain.prepare();
    const started = await this.#startIncrement(plan, excludes);
    if (started.kind === 'increment') return started;
    // Nothing in it is of use to a full one, and what is wrong with it might be in the way of the next head.
    await this.#chain.clear();
    await this.#chain.prepare();
    return started;
  }

  async #startIncrement(plan: Plan, excludes: readonly Exclude[]): Promise<Plan> {
    if (plan.kind === 'full') return plan;
    const { world } = this.#place;
    const { signal } = this.#options;
    const inodes = await folderInodes(world, this.#folder, excludes, signal);
    const listing = await this.#chain.takeUp(plan.head, inodes, signal);
    if (listing === 'damaged') return full('the listing is damaged');
    if (listing === 'ready') return plan;
    // What is in a moved folder is archived again, without the other names that its files have elsewhere.
    const { hasLinkedFiles } = await surveyFolder(world, this.#folder, excludes, signal);
    return hasLinkedFiles ? full('a folder was moved, and files have several names') : plan;
  }

  /** When what is the newest now has other parts than what is in the folder, those become a generation again. */
  async #unchanged(manifest: BackupManifest, latest: Latest | undefined): Promise<BackupOutcome> {
    const newest = latest?.manifest;
    const isHeld = newest !== undefined && digestOf(newest).sha256 === digestOf(manifest).sha256;
    const { signal } = this.#options;
    if (isHeld) {
      await this.#objects.settle(newest.generation, signal);
      return { kind: 'unchanged', manifest: newest };
    }
    const again = await this.#objects.commitAgain(manifest, this.#place.world.clock.now(), signal);
    return { kind: 'committed', manifest: again };
  }

  async #commit(packed: PackedBackup, begun: Beginning): Promise<BackupManifest> {
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
    { survey, isExact, isListed }: PackedBackup,
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
