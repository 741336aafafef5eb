import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SeededRandom } from '../../src/gateways/simulated/random.js';
import { fingerprint } from './fingerprint.js';

export const OWNER = 'chaos';

export type Lines = readonly string[];

/** Something a caller was given the name of, and what it must restore: one of these. */
export interface Acknowledged {
  readonly kind: 'backup' | 'snapshot';
  readonly url: string;
  readonly content: Lines;
}

/** Where its callers know an instance to be; `asked`: a call went out and was not answered. */
export type Phase = 'none' | 'set-up asked' | 'ready' | 'dispose asked';

/** What its user and its callers know of one workspace; nothing of it is asked of the daemon. */
export class Workspace {
  readonly id: string;
  readonly acknowledged: Acknowledged[] = [];
  instance: string;
  phase: Phase = 'none';
  /** What is in the content folder, once a caller was told that it is ready. */
  content: Lines | undefined;
  /** What the newest backup may be; empty while there cannot be one. */
  saved: readonly Lines[] = [];
  /** A newest backup may or may not exist: a call that would make one was not answered. */
  isSavedSurely = true;
  /** A Dispose without backup went out. */
  isGivenUp = false;
  /** Where the present instance came from, when not from a backup. */
  source: Lines = [];
  sourceUrl: string | undefined;
  /** Snapshots whose names were promised: they must come, as the content is now. */
  isPromised = false;
  /**
   * A backup was asked for, and not answered for certain. The daemon has it on disk before it begins, and makes it after
   * a restart at any time, of what is there then.
   */
  isBackupOwed = false;
  /** Content given up while a backup that nobody waited for may have seen it in the middle of an edit. */
  isUnknown = false;
  /** Something outside did not work since the present instance was asked for, so that its set-up may have failed. */
  isBefallen = false;
  readonly isTimed: boolean;
  #born = 0;

  /** `isTimed`: the daemon makes backups by itself, too. */
  constructor(id: string, isTimed: boolean) {
    this.id = id;
    this.isTimed = isTimed;
    this.instance = `${id}-0`;
  }

  /** A new instance; what it begins with is checked when it is ready. */
  begin(snapshot: Acknowledged | undefined, isTroubled: boolean): void {
    this.#born += 1;
    this.instance = `${this.id}-${this.#born}`;
    this.source = snapshot?.content ?? [];
    this.sourceUrl = snapshot?.url;
    this.content = undefined;
    this.isGivenUp = false;
    this.isPromised = false;
    this.isBackupOwed = false;
    this.isBefallen = isTroubled;
    this.phase = 'set-up asked';
  }

  /** A call went out that will make a backup of the content as it is, if nothing comes between. */
  mayBeSaved(): void {
    const contents = this.content === undefined ? this.beginnings : [...this.saved, this.content];
    this.isSavedSurely = this.isSavedSurely && this.saved.length > 0;
    this.saved = contents;
  }

  /** A Dispose without backup goes out. */
  giveUp(): void {
    this.isGivenUp = true;
    if (this.isSavedUnasked) this.isUnknown = true;
  }

  isSaved(): void {
    if (this.content === undefined) return;
    this.saved = [this.content];
    this.isSavedSurely = true;
    this.isUnknown = false;
    this.isBackupOwed = false;
  }

  /** The new instance is ready with this; whatever the newest backup was thought to be, now it is known. */
  isReady(found: Lines): void {
    if (this.isUnknown) {
      this.saved = [found];
      this.isSavedSurely = false;
      this.isUnknown = false;
    }
    this.content = found;
    this.phase = 'ready';
  }

  /** A backup may be made while its user works in it, without anybody waiting for it. */
  get isSavedUnasked(): boolean {
    return this.isTimed || this.isBackupOwed;
  }

  /** What a new instance may find. */
  get beginnings(): readonly Lines[] {
    return this.isSavedSurely && this.saved.length > 0 ? this.saved : [...this.saved, this.source];
  }
}

/** A person works in the workspace: some files are written, changed and removed; a full disk stops that. */
export async function edit(workspace: Workspace, folder: string, random: SeededRandom): Promise<void> {
  try {
    for (let change = random.integer(1, 6); change > 0; change -= 1) await changeOne(folder, random);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
  workspace.content = await fingerprint(folder);
  if (workspace.isSavedUnasked) workspace.mayBeSaved();
}

async function changeOne(folder: string, random: SeededRandom): Promise<void> {
  const name = `${random.pick(['', 'src/', 'src/deep/']) ?? ''}file-${random.integer(1, 12)}`;
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  if (random.isHit(0.2)) await rm(path, { force: true });
  else if (random.isHit(0.3)) await appendFile(path, `more ${random.fraction()}\n`);
  else await writeFile(path, random.bytes(random.integer(0, 20_000)));
}
