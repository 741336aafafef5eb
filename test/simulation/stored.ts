import { createHash } from 'node:crypto';
import { GENERATION_DIGITS } from '../../src/content/bounds.js';
import { type ArchiveManifest, decodeManifest } from '../../src/content/manifest.js';
import { BrokenPromise } from './broken.js';
import { type DiskView, differenceToAny, type Tree, treeInArchive } from './disk-view.js';
import { BUCKET } from './life.js';
import { type Acknowledged, OWNER } from './model.js';

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
  backups(workspace: string): readonly ArchiveManifest[] {
    const folder = `${OWNER}/workspaces/${workspace}/backups`;
    return this.#disk
      .names(this.#path(folder), 'durable')
      .filter((name) => name.endsWith('.manifest.json'))
      .map((name) => this.#manifest(`${folder}/${name}`))
      .filter((manifest) => manifest !== undefined);
  }

  /** undefined when there is no such snapshot, or only a part of one. */
  snapshot(url: string): ArchiveManifest | undefined {
    return this.#manifest(`${objectIn(url)}.manifest.json`);
  }

  /** What the archive of a manifest restores; breaks promise 1 when it is not what the manifest says. */
  async treeOf(manifest: ArchiveManifest): Promise<Tree> {
    const [part, ...more] = manifest.parts;
    if (part === undefined || more.length > 0) throw new Error('chains of several parts are not read yet');
    const bytes = this.#disk.bytes(this.#path(part.archive), 'durable');
    if (bytes === undefined) throw new BrokenPromise(1, `the archive ${part.archive} is not there`);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 === part.sha256) return treeInArchive(bytes);
    throw new BrokenPromise(1, `the archive ${part.archive} has other bytes than its manifest says`);
  }

  async check(acknowledged: Acknowledged): Promise<void> {
    const { kind, url, states } = acknowledged;
    const name = kind === 'snapshot' ? `${objectIn(url)}.manifest.json` : manifestName(url);
    const manifest = this.#manifest(name);
    if (manifest === undefined)
      throw new BrokenPromise(1, `${kind} ${url} was acknowledged and is not there`);
    const excused = new Set([...manifest.torn.names, ...manifest.changed.names]);
    const problem = differenceToAny(await this.treeOf(manifest), states, excused);
    if (problem !== undefined) throw new BrokenPromise(1, `${kind} ${url}: ${problem}`);
  }

  #manifest(name: string): ArchiveManifest | undefined {
    const bytes = this.#disk.bytes(this.#path(name), 'durable');
    return bytes === undefined ? undefined : decodeManifest(name, bytes);
  }

  #path(name: string): string {
    return `${this.#root()}/objects/${name}`;
  }
}

function objectIn(url: string): string {
  return url.slice(0, -`@${BUCKET}`.length);
}

/** `…/backups/3@bucket` is the generation whose manifest has its number in full length. */
function manifestName(url: string): string {
  const object = objectIn(url);
  const slash = object.lastIndexOf('/');
  return `${object.slice(0, slash)}/${object.slice(slash + 1).padStart(GENERATION_DIGITS, '0')}.manifest.json`;
}
