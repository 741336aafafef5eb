import type { StepInput } from '../../../machines/content-setup.js';
import type {
  ContentContext,
  GitReport,
  PreStopReport,
  SetupResult,
} from '../../../machines/content-types.js';
import type { ArchivePlace } from '../../content/archive-objects.js';
import { BackupRepository } from '../../content/backups.js';
import { FullTar } from '../../content/full-tar.js';
import { readGitStatuses } from '../../content/git-statuses.js';
import { initialize } from '../../content/initialize.js';
import type { GitPolicy } from '../../content/initializers/plan.js';
import { planOf } from '../../content/initializers/table.js';
import type { LayerCache } from '../../content/layers/layer-cache.js';
import { SnapshotLayers } from '../../content/layers/snapshot-layers.js';
import { runPreStop } from '../../content/pre-stop.js';
import { writeReadyMarker } from '../../content/ready-marker.js';
import { joinSecrets } from '../../content/secrets.js';
import { uploadLogs } from '../../content/terminal-logs.js';
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
  /** How long the workspace's own pre-stop may run; 0: it is not run. */
  readonly preStopMs: number;
  /** Patterns that no backup holds. */
  readonly excludes: readonly string[];
  /** Told how far long steps are; for progress only, never for decisions. */
  readonly onProgress: (context: ContentContext, step: string, bytes: number, percent?: number) => void;
  /** Told of what went wrong without failing a step. */
  readonly onWarning: (context: ContentContext, text: string, error: unknown) => void;
  /** Gets what programs of the workspace say. */
  readonly onOutput: (context: ContentContext, program: string, line: string) => void;
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

  /** What the first backup goes by is made before anybody writes to the content. */
  async seal({ context }: StepInput, signal: AbortSignal): Promise<object> {
    await this.#seed(context, signal);
    return {};
  }

  /** Only now nothing of a set-up is needed any more: until its end is on disk, a restart begins it anew. */
  async announce({ context }: StepInput): Promise<object> {
    const { place, area, secrets } = this.#options;
    const { setup } = context;
    if (setup === undefined)
      throw new StewardError('internal', 'content without a set-up cannot be announced');
    await secrets.drop(context.identity.instance);
    const folder = area.contentOf(context.identity.instance);
    // A restart finds the marker of the life before: content is announced once.
    if (await isAnnounced(place.world.files, folder)) return {};
    await writeReadyMarker(place.world.files, folder, place.user, setup);
    return {};
  }

  /** While the content still is as the workspace left it. How it went is told, and stops nothing. */
  async runPreStop(
    { context }: StepInput,
    signal: AbortSignal,
  ): Promise<{ readonly report: Omit<PreStopReport, 'at'> }> {
    const { place, area, preStopMs, onOutput } = this.#options;
    const report = await runPreStop(place.world, area.contentOf(context.identity.instance), {
      user: place.user,
      timeoutMs: preStopMs,
      signal,
      onOutput: (line) => onOutput(context, 'pre-stop', line),
    });
    return { report };
  }

  async uploadLogs({ context }: StepInput, signal: AbortSignal): Promise<object> {
    const { place, area, onWarning } = this.#options;
    const { identity } = context;
    await uploadLogs(place, area.contentOf(identity.instance), identity, {
      signal,
      onWarning: (text, error) => onWarning(context, text, error),
    });
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
      const { checkoutLocation, otherCheckouts = [] } = context.setup;
      const locations = [checkoutLocation, ...otherCheckouts];
      const { report, problems } = await readGitStatuses(place.world, folder, locations, place.user, signal);
      for (const problem of problems) onWarning(context, 'a git status could not be read', problem);
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
        ...(request.remoteStorageDisabled ? {} : { fullTar: this.#fullTar(context) }),
        onProgress: ({ step, bytes, percent }) => onProgress(context, step, bytes, percent),
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

  /** A first backup that has nothing to go by is a full one, which is no reason for a set-up to fail. */
  async #seed(context: ContentContext, signal: AbortSignal): Promise<void> {
    const { area, excludes, onWarning } = this.#options;
    if (context.request?.remoteStorageDisabled === true) return;
    const { instance } = context.identity;
    const warn = (text: string, error: unknown) => onWarning(context, text, error);
    try {
      const backups = this.#backups(context);
      const generation = context.setup?.restoredGeneration;
      const restored = generation === undefined ? undefined : await backups.read(generation, signal);
      const options = { instance, excludes, signal, onWarning: warn };
      await backups.seed(area.contentOf(instance), area.chainOf(instance), restored, options);
    } catch (error) {
      signal.throwIfAborted();
      warn('the first backup has nothing to go by and will be a full one', error);
    }
  }

  #fullTar({ identity }: ContentContext): FullTar {
    return new FullTar(this.#options.place, identity.owner, identity.workspace);
  }

  #backups(context: ContentContext): BackupRepository {
    const { owner, workspace } = context.identity;
    return new BackupRepository(this.#options.place, owner, workspace);
  }
}
