import type { JobInput, StepInput } from '../../../machines/content-setup.js';
import type { BackupReference, ContentContext } from '../../../machines/content-types.js';
import type { ArchivePlace } from '../../content/archive-objects.js';
import { DEFAULT_BACKUP_POLICY } from '../../content/backup-policy.js';
import { BackupRepository } from '../../content/backups.js';
import { type BackupManifest, digestOf, type SnapshotManifest } from '../../content/manifest.js';
import { clearSnapshot, createSnapshot, readSnapshot, snapshotUrl } from '../../content/snapshots.js';
import { StewardError } from '../../errors/steward-error.js';
import type { WorkingArea } from '../area.js';

type OnProgress = (context: ContentContext, step: string, bytes: number) => void;

/** The effects that put content into the storage. What they answer with is verified and committed. */
export class BackupEffects {
  readonly #place: ArchivePlace;
  readonly #area: WorkingArea;
  readonly #onProgress: OnProgress;

  constructor(place: ArchivePlace, area: WorkingArea, onProgress: OnProgress) {
    this.#place = place;
    this.#area = area;
    this.#onProgress = onProgress;
  }

  async runJob(
    { context, job }: JobInput,
    signal: AbortSignal,
  ): Promise<{ readonly reference: BackupReference }> {
    if (job === undefined) throw new StewardError('internal', 'a job began that is not there');
    if (job.kind === 'backup') return this.makeBackup({ context }, signal);
    return { reference: await this.#snapshot(context, job.name, signal) };
  }

  async makeBackup(
    { context }: StepInput,
    signal: AbortSignal,
  ): Promise<{ readonly reference: BackupReference }> {
    const { instance } = context.identity;
    const { manifest } = await this.#backups(context).create(this.#area.contentOf(instance), {
      instance,
      chain: this.#area.chainOf(instance),
      policy: DEFAULT_BACKUP_POLICY,
      signal,
      onProgress: ({ step, bytes }) => this.#onProgress(context, step, bytes),
    });
    return { reference: this.#referenceTo(manifest, context) };
  }

  /**
   * The last look before the content goes: the backup is still there, and is the one that was made. Its bytes were
   * read back and compared when it was made.
   */
  async confirm({ context }: StepInput, signal: AbortSignal): Promise<object> {
    const { finalBackup } = context;
    if (finalBackup === undefined) throw new StewardError('internal', 'there is no final backup to verify');
    const backups = this.#backups(context);
    const manifest = await backups.read(finalBackup.generation, signal);
    const isSame = digestOf(manifest).sha256 === finalBackup.sha256;
    if (!isSame || !(await backups.isStored(manifest, signal))) {
      throw new StewardError('backup-failed', 'the storage does not hold the final backup any more');
    }
    return {};
  }

  /** A promised snapshot may have been made before a restart: then it is only found again. */
  async #snapshot(context: ContentContext, name: string, signal: AbortSignal): Promise<BackupReference> {
    const { identity } = context;
    const url = snapshotUrl(this.#place.storage, identity, name);
    if ((await clearSnapshot(this.#place, identity, name, signal)) === 'committed') {
      const manifest = await readSnapshot(this.#place.storage, url, signal);
      if (manifest !== undefined) return referenceTo(manifest, url, 0);
    }
    const folder = this.#area.contentOf(identity.instance);
    const manifest = await createSnapshot(this.#place, folder, name, identity, {
      signal,
      onProgress: ({ step, bytes }) => this.#onProgress(context, step, bytes),
    });
    return referenceTo(manifest, url, 0);
  }

  #referenceTo(manifest: BackupManifest, context: ContentContext): BackupReference {
    const { owner, workspace } = context.identity;
    const generation = String(manifest.generation);
    const url = this.#place.storage.urlOf(`${owner}/workspaces/${workspace}/backups/${generation}`);
    return referenceTo(manifest, url, manifest.generation);
  }

  #backups(context: ContentContext): BackupRepository {
    const { owner, workspace } = context.identity;
    return new BackupRepository(this.#place, owner, workspace);
  }
}

function referenceTo(
  manifest: BackupManifest | SnapshotManifest,
  url: string,
  generation: number,
): BackupReference {
  return { url, generation, ...digestOf(manifest), createdAt: manifest.createdAtMs };
}
