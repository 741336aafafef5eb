import { createHash } from 'node:crypto';
import {
  type ArchiveManifest,
  type BackupManifest,
  decodeManifest,
  type Part,
} from '../../src/content/manifest.js';
import { BrokenPromise } from './broken.js';
import { type DiskView, differenceToAny, type Moment, type Tree, treeInArchives } from './disk-view.js';
import { BUCKET } from './life.js';
import { type Acknowledged, OWNER } from './model.js';

export interface ExpectedGenerations {
  readonly acknowledged: readonly Acknowledged[];
  /** So many newest ones may not be let go. */
  readonly keepCount: number;
  /** What the content was while a backup was made that began then; empty: nobody knows. */
  readonly statesAt: (instance: string, createdAtMs: number) => readonly Tree[];
}

/** Looks at what the storage holds for certain, without asking the code under test. */
export class StoredObjects {
  readonly #disk: DiskView;
  readonly #root: () => string;

  /** `root`: where the storage folder is at the moment; it may be unmounted. */
  constructor(disk: DiskView, root: () => string) {
    this.#disk = disk;
    this.#root = root;
  }

  /** Committed backups of a workspace, oldest first. */
  backups(workspace: string, moment: Moment = 'durable'): readonly BackupManifest[] {
    const folder = `${OWNER}/workspaces/${workspace}/backups`;
    return this.#disk
      .names(this.#path(folder), moment)
      .filter((name) => name.endsWith('.manifest.json'))
      .map((name) => this.#manifest(`${folder}/${name}`, moment))
      .filter((manifest) => manifest?.kind === 'backup');
  }

  /** undefined when there is no such snapshot, or only a part of one. */
  snapshot(url: string): ArchiveManifest | undefined {
    return this.#manifest(`${objectIn(url)}.manifest.json`);
  }

  /** What the archives of a manifest restore; breaks promise 1 when they are not what the manifest says. */
  async treeOf(manifest: ArchiveManifest): Promise<Tree> {
    return treeInArchives(manifest.parts.map((part) => this.#bytesOf(part)));
  }

  async check(acknowledged: Acknowledged): Promise<void> {
    const { kind, url, states } = acknowledged;
    const name = kind === 'snapshot' ? `${objectIn(url)}.manifest.json` : objectIn(url);
    const manifest = this.#manifest(name);
    if (manifest === undefined)
      throw new BrokenPromise(1, `${kind} ${url} was acknowledged and is not there`);
    const excused = new Set([...manifest.torn.names, ...manifest.changed.names]);
    const problem = differenceToAny(await this.treeOf(manifest), states, excused);
    if (problem !== undefined) throw new BrokenPromise(1, `${kind} ${url}: ${problem}`);
  }

  /**
   * Every generation that is kept is whole and shows the content as it was while it was made; the newest ones are
   * kept, and none older is the newest.
   */
  async checkGenerations(workspace: string, expected: ExpectedGenerations): Promise<void> {
    const found = this.backups(workspace);
    const newest = found.at(-1)?.generation ?? 0;
    for (const { url } of expected.acknowledged) {
      const generation = Number(/(\d+)\.manifest\.json@/.exec(url)?.[1]);
      const newer = found.filter((one) => one.generation > generation).length;
      const isKept = found.some((one) => one.generation === generation);
      if (isKept || (generation < newest && newer >= expected.keepCount)) continue;
      throw new BrokenPromise(1, `backup ${url} was acknowledged and is gone`);
    }
    for (const manifest of found) {
      const states = expected.statesAt(manifest.instance, manifest.createdAtMs);
      const tree = await this.treeOf(manifest);
      if (states.length === 0) continue;
      const excused = new Set([...manifest.torn.names, ...manifest.changed.names]);
      const problem = differenceToAny(tree, states, excused);
      if (problem === undefined) continue;
      throw new BrokenPromise(1, `generation ${manifest.generation} of ${workspace}: ${problem}`);
    }
  }

  #manifest(name: string, moment: Moment = 'durable'): ArchiveManifest | undefined {
    const bytes = this.#disk.bytes(this.#path(name), moment);
    return bytes === undefined ? undefined : decodeManifest(name, bytes);
  }

  #bytesOf({ archive, sha256 }: Part): Buffer {
    const bytes = this.#disk.bytes(this.#path(archive), 'durable');
    if (bytes === undefined) throw new BrokenPromise(1, `the archive ${archive} is not there`);
    if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
    throw new BrokenPromise(1, `the archive ${archive} has other bytes than its manifest says`);
  }

  #path(name: string): string {
    return `${this.#root()}/objects/${name}`;
  }
}

function objectIn(url: string): string {
  return url.slice(0, -`@${BUCKET}`.length);
}
