import type { JobInput, StepInput } from '../../../machines/content-setup.js';
import type { BackupReference, ContentContext } from '../../../machines/content-types.js';
import type { InstanceId } from '../../../machines/ids.js';
import type { ArchivePlace, WorkOptions } from '../../content/archive-objects.js';
import type { BackupOutcome } from '../../content/backup-creation.js';
import type { BackupPolicy } from '../../content/backup-policy.js';
import { BackupRepository } from '../../content/backups.js';
import { FullTar } from '../../content/full-tar.js';
import type { LayerCache } from '../../content/layers/layer-cache.js';
import { type BackupManifest, digestOf, type SnapshotManifest } from '../../content/manifest.js';
import { clearSnapshot, createSnapshot, readSnapshot, snapshotUrl } from '../../content/snapshots.js';
import { StewardError } from '../../errors/steward-error.js';
import type { WorkingArea } from '../area.js';
import { FINAL_BACKUP_TRIES_MAX } from '../bounds.js';
import type { Queues } from '../queues/queues.js';

export interface BackupEffectsOptions {
  readonly place: ArchivePlace;
  readonly area: WorkingArea;
  readonly queues: Queues;
  readonly policy: BackupPolicy;
  /** Told of each backup that was made, or found to be made already. */
  readonly onBackup?: (context: ContentContext, outcome: BackupOutcome) => void;
  /** undefined: no content stands on a layer. */
  readonly layers: LayerCache | undefined;
  /** Told how far long steps are; for progress only, never for decisions. */
  readonly onProgress: (context: ContentContext, step: string, bytes: number, percent?: number) => void;
  /** Told of what went wrong without failing a step. */
  readonly onWarning: (context: ContentContext, text: string, error: unknown) => void;
}

interface Made {
  readonly reference: BackupReference;
}

/** The effects that put content into the storage, each in its turn. What they answer with is verified and committed. */
export class BackupEffects {
  readonly #options: BackupEffectsOptions;

  constructor(options: BackupEffectsOptions) {
    this.#options = options;
  }

  async runJob({ context, job }: JobInput, signal: AbortSignal): Promise<Made> {
    if (job === undefined) throw new StewardError('internal', 'a job began that is not there');
    if (job.kind === 'snapshot') {
      const { name } = job;
      return this.#inTurn('snapshot', context, signal, (inTurn) => this.#snapshot(context, name, inTurn));
    }
    const acceptShrink = job.origin === 'request' && job.acceptShrink;
    return this.#inTurn('backup', context, signal, async (inTurn) => {
      const manifest = await this.#create(context, acceptShrink, inTurn);
      if (manifest.parts.length === 1) await this.#writeFullTar(context, manifest, inTurn);
      return this.#referenceTo(manifest, context);
    });
  }

  /**
   * Nobody works on the content any more, so a file that was cut short while it was read is an accident worth
   * another look; one that keeps changing is saved as it is found.
   */
  async makeFinalBackup({ context }: StepInput, signal: AbortSignal): Promise<Made> {
    const acceptShrink = context.disposal?.acceptShrink ?? false;
    return this.#inTurn('backup', context, signal, async (inTurn) => {
      let manifest = await this.#create(context, acceptShrink, inTurn);
      for (let again = 1; again < FINAL_BACKUP_TRIES_MAX && manifest.torn.count > 0; again += 1) {
        manifest = await this.#create(context, acceptShrink, inTurn);
      }
      if (manifest.torn.count > 0) {
        const names = manifest.torn.names.join(', ');
        const error = new StewardError('backup-failed', `shrank while they were read: ${names}`);
        this.#options.onWarning(context, 'files of the final backup were cut short while it was made', error);
      }
      await this.#writeFullTar(context, manifest, inTurn);
      return this.#referenceTo(manifest, context);
    });
  }

  /**
   * The last look before the content goes: the backup is there, and is the one that was made, or the newest one when
   * nothing had changed since. Its bytes were read back and compared when they were stored.
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
  async #snapshot(context: ContentContext, name: string, signal: AbortSignal): Promise<Made> {
    const { place } = this.#options;
    const { identity } = context;
    const url = snapshotUrl(place.storage, identity, name);
    if ((await clearSnapshot(place, identity, name, signal)) === 'committed') {
      const manifest = await readSnapshot(place.storage, url, signal);
      if (manifest !== undefined) return { reference: referenceTo(manifest, url, 0) };
    }
    const folder = await this.#content(identity.instance);
    const manifest = await createSnapshot(place, folder, name, identity, this.#work(context, signal));
    return { reference: referenceTo(manifest, url, 0) };
  }

  async #create(
    context: ContentContext,
    acceptShrink: boolean,
    signal: AbortSignal,
  ): Promise<BackupManifest> {
    const { area, policy } = this.#options;
    const { instance } = context.identity;
    const outcome = await this.#backups(context).create(await this.#content(instance), {
      instance,
      chain: area.chainOf(instance),
      policy,
      acceptShrink,
      ...this.#work(context, signal),
    });
    this.#options.onBackup?.(context, outcome);
    return outcome.manifest;
  }

  /** For other tools, where it is asked for. The backup is made already, so a failure of this stops nothing. */
  async #writeFullTar(context: ContentContext, manifest: BackupManifest, signal: AbortSignal): Promise<void> {
    const { place, policy, onWarning } = this.#options;
    if (policy.fullTar !== true) return;
    const { owner, workspace, instance } = context.identity;
    try {
      const { generation } = manifest;
      const work = this.#work(context, signal);
      const options = { ...work, generation, excludes: policy.excludes };
      await new FullTar(place, owner, workspace).write(await this.#content(instance), options);
    } catch (error) {
      signal.throwIfAborted();
      onWarning(context, 'full.tar for other tools could not be written', error);
    }
  }

  /** Where the content is; fails when it should be mounted there and is not. */
  async #content(instance: InstanceId): Promise<string> {
    const { area, layers } = this.#options;
    const folder = area.contentOf(instance);
    await layers?.requireAttached(instance, folder);
    return folder;
  }

  #work(context: ContentContext, signal: AbortSignal): WorkOptions {
    const { onProgress } = this.#options;
    return { signal, onProgress: ({ step, bytes, percent }) => onProgress(context, step, bytes, percent) };
  }

  #inTurn(
    queue: 'backup' | 'snapshot',
    context: ContentContext,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Made>,
  ): Promise<Made> {
    const { queues, onProgress } = this.#options;
    return queues.run(queue, signal, work, {
      waiter: context.identity.instance,
      onQueued: () => onProgress(context, 'queued', 0),
    });
  }

  #referenceTo(manifest: BackupManifest, context: ContentContext): Made {
    const url = this.#backups(context).urlOf(manifest.generation);
    return { reference: referenceTo(manifest, url, manifest.generation) };
  }

  #backups(context: ContentContext): BackupRepository {
    const { owner, workspace } = context.identity;
    return new BackupRepository(this.#options.place, owner, workspace);
  }
}

function referenceTo(
  manifest: BackupManifest | SnapshotManifest,
  url: string,
  generation: number,
): BackupReference {
  return { url, generation, ...digestOf(manifest), createdAt: manifest.createdAtMs };
}
