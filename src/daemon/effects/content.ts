import type { StepInput } from '../../../machines/content-setup.js';
import type { ContentContext, GitReport, SetupResult } from '../../../machines/content-types.js';
import type { ArchivePlace } from '../../content/archive-objects.js';
import { BackupRepository } from '../../content/backups.js';
import { readGitStatus } from '../../content/git-status.js';
import { initialize } from '../../content/initialize.js';
import type { GitPolicy } from '../../content/initializers/plan.js';
import { planOf } from '../../content/initializers/table.js';
import type { LayerCache } from '../../content/layers/layer-cache.js';
import { SnapshotLayers } from '../../content/layers/snapshot-layers.js';
import { writeReadyMarker } from '../../content/ready-marker.js';
import { joinSecrets } from '../../content/secrets.js';
import { StewardError } from '../../errors/steward-error.js';
import type { Http } from '../../gateways/http.js';
import { WorkspaceInitializer } from '../../gen/content-service-api/initializer.js';
import type { WorkingArea } from '../area.js';
import type { SecretStore } from '../instance/secrets.js';
import type { Queues } from '../queues/queues.js';
import { isAnnounced } from './announced.js';
import { boundedReport, boundedSetup } from './bounded.js';

export interface ContentEffectsOptions {
  readonly place: ArchivePlace;
  readonly http: Http;
  readonly git: GitPolicy;
  readonly area: WorkingArea;
  readonly secrets: SecretStore;
  readonly queues: Queues;
  /** undefined: every snapshot is unpacked anew. */
  readonly layers: LayerCache | undefined;
  /** Told how far long steps are; for progress only, never for decisions. */
  readonly onProgress: (context: ContentContext, step: string, bytes: number) => void;
  /** Told of what went wrong without failing a step. */
  readonly onWarning: (context: ContentContext, text: string, error: unknown) => void;
}

/** The effects that fill the content folder and read it without storing it. */
export class ContentEffects {
  readonly #options: ContentEffectsOptions;

  constructor(options: ContentEffectsOptions) {
    this.#options = options;
  }

  /** In its turn: a node fetches and unpacks only so much at a time. */
  initialize({ context }: StepInput, signal: AbortSignal): Promise<{ readonly setup: SetupResult }> {
    const { queues, onProgress } = this.#options;
    return queues.run('setup', signal, (inTurn) => this.#initialize(context, inTurn), {
      waiter: context.identity.instance,
      onQueued: () => onProgress(context, 'queued', 0),
    });
  }

  /** Nothing of a set-up is needed any more once its content is complete. */
  async seal({ context }: StepInput): Promise<object> {
    await this.#options.secrets.drop(context.identity.instance);
    return {};
  }

  async announce({ context }: StepInput): Promise<object> {
    const { place, area } = this.#options;
    const { setup } = context;
    if (setup === undefined)
      throw new StewardError('internal', 'content without a set-up cannot be announced');
    const folder = area.contentOf(context.identity.instance);
    // A restart finds the marker of the life before: content is announced once.
    if (await isAnnounced(place.world.files, folder)) return {};
    await writeReadyMarker(place.world.files, folder, place.user, setup);
    return {};
  }

  /** The lane has let everything before it end. A status that cannot be read must not keep content from being saved. */
  async quiesce(
    { context }: StepInput,
    signal: AbortSignal,
  ): Promise<{ readonly git: GitReport | undefined }> {
    const { place, area, onWarning } = this.#options;
    if (context.setup?.checkoutLocation === undefined) return { git: undefined };
    try {
      const folder = area.contentOf(context.identity.instance);
      const { checkoutLocation } = context.setup;
      const report = await readGitStatus(place.world, folder, checkoutLocation, place.user, signal);
      return { git: boundedReport(report) };
    } catch (error) {
      onWarning(context, 'the git status could not be read', error);
      return { git: undefined };
    }
  }

  async #initialize(context: ContentContext, signal: AbortSignal): Promise<{ readonly setup: SetupResult }> {
    const { place, http, git, area, secrets, layers: cache, onProgress } = this.#options;
    const { instance } = context.identity;
    const { request } = context;
    if (request === undefined) throw new StewardError('internal', 'a set-up began without a request');
    const recorded = WorkspaceInitializer.decode(Buffer.from(request.initializer, 'base64'));
    const kept = request.hasSecrets ? await secrets.read(instance) : {};
    if (kept === undefined)
      throw new StewardError('credentials-lost', 'the credentials of the set-up are gone');
    const plan = planOf(joinSecrets(recorded, kept));
    const setup = await initialize(
      plan,
      {
        ...place,
        http,
        git,
        signal,
        folder: area.contentOf(instance),
        quotaBytes: request.quotaBytes,
        backups: request.remoteStorageDisabled ? undefined : this.#backups(context),
        onProgress: ({ step, bytes }) => onProgress(context, step, bytes),
        ...(cache === undefined
          ? {}
          : {
              layers: new SnapshotLayers({
                cache,
                storage: place.storage,
                instance,
                quotaBytes: request.quotaBytes,
              }),
            }),
      },
      { isFreshStart: false },
    );
    return { setup: boundedSetup(setup) };
  }

  #backups(context: ContentContext): BackupRepository {
    const { owner, workspace } = context.identity;
    return new BackupRepository(this.#options.place, owner, workspace);
  }
}
