import type { StepInput } from '../../machines/content-setup.js';
import { contentMachine } from '../../machines/content-state.js';
import type { ContentContext, ContentLimits } from '../../machines/content-types.js';
import type { InstanceId } from '../../machines/ids.js';
import type { Transition } from '../../machines/transition.js';
import type { ArchivePlace } from '../content/archive-objects.js';
import type { BackupOutcome } from '../content/backup-creation.js';
import { type BackupPolicy, DEFAULT_BACKUP_POLICY } from '../content/backup-policy.js';
import type { GitPolicy } from '../content/initializers/plan.js';
import { LayerCache, type LayerSettings } from '../content/layers/layer-cache.js';
import { newSnapshotName, snapshotUrl } from '../content/snapshots.js';
import type { StewardError } from '../errors/steward-error.js';
import { makeDurableDirectory } from '../gateways/durable.js';
import type { Http } from '../gateways/http.js';
import type { World } from '../gateways/world.js';
import type { AlarmListener } from '../records/alarm.js';
import { FolderWitness } from '../records/folder-witness.js';
import { Journal } from '../records/journal.js';
import { Publisher } from '../records/publisher.js';
import type { Supervisor } from '../supervision/supervisor.js';
import { WORKSPACES_MARKER, type WorkingArea } from './area.js';
import { PRE_STOP_DEADLINE_MS, RECOVERIES_MAX } from './bounds.js';
import { attachmentActors } from './effects/attachments.js';
import { BackupEffects } from './effects/backup.js';
import { backupTimer } from './effects/backup-timer.js';
import { ContentEffects } from './effects/content.js';
import { deadline } from './effects/deadline.js';
import { type ContentOwner, FolderEffects } from './effects/folder.js';
import { LookAhead } from './effects/look-ahead.js';
import { type Performing, perform } from './effects/perform.js';
import { writeRecord } from './effects/write-record.js';
import type { Moved } from './instance/follower.js';
import { SecretStore } from './instance/secrets.js';
import { Instances } from './instances.js';
import { ProgressLimit } from './progress-limit.js';
import { QUEUE_DEFAULTS, type QueueLimits, withWaits } from './queues/queue-limits.js';
import { Queues } from './queues/queues.js';
import { ContentRecords } from './records/content-records.js';
import { Removals } from './removals/removals.js';
import type { SnapshotNames } from './rpc/take-snapshot.js';

/** What the core says beside its answers; for logs and metrics. */
export interface CoreListener {
  alarm: AlarmListener;
  stepFailed(context: ContentContext, step: string, error: unknown): void;
  warning(context: ContentContext, text: string, error: unknown): void;
  progress(context: ContentContext, step: string, bytes: number, percent?: number): void;
  unpublished(instance: InstanceId, moved: Moved, error: unknown): void;
  /** What belongs to no instance and failed nobody. */
  note?(text: string, error?: unknown): void;
  /** A backup was made, or found to be made already. */
  backedUp?(context: ContentContext, outcome: BackupOutcome): void;
  /** What programs of a workspace say. */
  said?(context: ContentContext, program: string, line: string): void;
}

export interface CoreOptions {
  readonly world: World;
  readonly http: Http;
  readonly area: WorkingArea;
  readonly place: ArchivePlace;
  readonly owner: ContentOwner;
  readonly git: GitPolicy;
  /** Of the work itself; what it waits for its turn comes on top. */
  readonly limits: ContentLimits;
  readonly queues?: QueueLimits;
  readonly policy?: BackupPolicy;
  /** With less free, what is to be removed does not wait; default none. */
  readonly minFreeBytes?: number;
  /** How long the workspace's own pre-stop may run. */
  readonly preStopMs?: number;
  /** Why nothing new may begin on this node now. */
  readonly refusal?: () => StewardError | undefined;
  /** Absent: unpacked snapshots are not kept. */
  readonly layers?: LayerSettings;
  readonly listener: CoreListener;
  /** The dynamic supervisor that owns the actors; asked for when the first instance starts. */
  readonly supervisor: () => Supervisor;
}

/** A daemon without its wires: records, actors, effects and the stream of transitions. */
export interface ContentCore {
  readonly instances: Instances;
  readonly records: ContentRecords;
  readonly publisher: Publisher;
  readonly journal: Journal<Transition>;
  readonly queues: Queues;
  /** Unpacked snapshots that instances start from; absent where none are kept. */
  readonly layers: LayerCache | undefined;
  readonly snapshotNames: SnapshotNames;
  /** What waits to be removed. */
  readonly removals: Pick<Removals, 'state'>;
  /** Brings every recorded instance back; to be called once, when the supervisor runs. */
  recover(): Promise<void>;
  /** Everything asked for is on disk; call it after the supervisor has stopped. */
  close(): Promise<void>;
}

export async function openCore(options: CoreOptions): Promise<ContentCore> {
  const { world, area, listener } = options;
  await makeDurableDirectory(world.files, area.workspaces, 0o711);
  const workspaces = new FolderWitness(world, {
    folder: area.workspaces,
    marker: WORKSPACES_MARKER,
    witness: area.workspacesWitness,
  });
  await workspaces.open();
  const layers = await layersFor(options);
  const records = await ContentRecords.open(world, area, listener.alarm);
  const journal = await Journal.open<Transition>(world.files, {
    folder: area.history,
    onAlarm: listener.alarm,
  });
  const publisher = new Publisher(world.clock, journal, listener.alarm);
  const secrets = new SecretStore(world, area);
  await secrets.open();
  const queues = queuesFor(options);
  const removals = removalsFor(options, queues);
  await removals.open();
  const policy = options.policy ?? DEFAULT_BACKUP_POLICY;
  const ahead = new LookAhead(world, area);
  const instances: Instances = new Instances({
    clock: world.clock,
    machine: machineWith(
      {
        ...options,
        listener: told(publisher, options),
        records,
        secrets,
        queues,
        workspaces,
        layers,
        removals,
        policy,
        ahead,
      },
      (input) => instances.get(input.context.identity.instance),
    ),
    limits: withWaits(options.limits, options.queues ?? QUEUE_DEFAULTS),
    records,
    secrets,
    ...(options.refusal === undefined ? {} : { refusal: options.refusal }),
    hasContent: async (instance) => (await world.files.stat(area.contentOf(instance))) !== undefined,
    supervisor: options.supervisor,
    onMoved: (instance, moved) => {
      try {
        publish(publisher, instances, world, instance, moved);
      } catch (error) {
        // An exception here would hit the actor. What is lost is a line of history, never a state.
        listener.unpublished(instance, moved, error);
      }
    },
  });
  publisher.onTransition((transition) => noteSequence(instances, transition));
  return {
    instances,
    records,
    publisher,
    journal,
    queues,
    layers,
    snapshotNames: {
      next: () => newSnapshotName(world.clock, world.random),
      urlOf: (view, name) => snapshotUrl(options.place.storage, view.context.identity, name),
      promise: ({ context }, ticket) => records.writePromise(context, ticket),
    },
    recover: () => recover(instances, records, secrets, ahead),
    removals,
    // What must not be lost goes first: removing may take all the time there is.
    close: async () => {
      await close(records, publisher, layers);
      await removals.close();
    },
  };
}

async function layersFor({ world, area, layers: settings, listener }: CoreOptions) {
  if (settings === undefined) return undefined;
  const { layers, workspaces, overlays, setAside } = area;
  return LayerCache.open(world, {
    settings,
    ...{ layers, workspaces, overlays, setAside },
    onAlarm: listener.alarm,
    onNote: (text, error) => listener.note?.(text, error),
  });
}

function queuesFor({ world, limits, queues }: CoreOptions): Queues {
  const { initializeMs, backupMs } = limits;
  return new Queues({
    clock: world.clock,
    limits: queues ?? QUEUE_DEFAULTS,
    workMs: { setup: initializeMs, backup: backupMs, snapshot: backupMs },
  });
}

/** What is saved goes before what is removed. */
function removalsFor({ world, area, listener, minFreeBytes = 0 }: CoreOptions, queues: Queues): Removals {
  const isBusy = () => {
    const { running, waiting } = queues.state('backup');
    return running + waiting > 0;
  };
  return new Removals({
    ...{ world, isBusy, minFreeBytes, folder: area.removals },
    onFailed: (path, error) => listener.note?.(`content that is safe could not be removed: ${path}`, error),
  });
}

interface EffectsOptions extends Omit<CoreOptions, 'queues' | 'layers' | 'policy'> {
  readonly records: ContentRecords;
  readonly secrets: SecretStore;
  readonly queues: Queues;
  readonly workspaces: FolderWitness;
  readonly layers: LayerCache | undefined;
  readonly removals: Removals;
  readonly policy: BackupPolicy;
  readonly ahead: LookAhead;
}

/** Progress goes to those who watch, too. */
function told(publisher: Publisher, { world, listener }: CoreOptions): CoreListener {
  const limit = new ProgressLimit(world.clock, (note) => publisher.progress(note));
  return {
    ...listener,
    progress: (context, step, bytes, percent) => {
      listener.progress(context, step, bytes, percent);
      limit.take(context.identity.instance, step, bytes, percent);
    },
  };
}

/** The machine with its effects; one for all instances. */
function machineWith(options: EffectsOptions, instanceOf: Performing['instanceOf']): typeof contentMachine {
  const { world, listener, records, policy, preStopMs = PRE_STOP_DEADLINE_MS } = options;
  const folder = new FolderEffects({ ...options, files: world.files });
  const backup = new BackupEffects({
    ...options,
    onProgress: listener.progress,
    onWarning: listener.warning,
    onBackup: (context, outcome) => listener.backedUp?.(context, outcome),
  });
  const content = new ContentEffects({
    ...options,
    preStopMs,
    excludes: policy.excludes,
    onProgress: listener.progress,
    onWarning: listener.warning,
    onOutput: (context, program, line) => listener.said?.(context, program, line),
  });
  const performing: Performing = {
    clock: world.clock,
    random: world.random,
    instanceOf,
    onFailed: (input: StepInput, step, error) => listener.stepFailed(input.context, step, error),
  };
  return contentMachine.provide({
    actors: {
      deadline: deadline(world),
      writeRecord: writeRecord(performing, records),
      survey: perform(performing, 'survey', (input, signal) => folder.survey(input, signal)),
      reserve: perform(performing, 'reserve', (input, signal) => folder.reserve(input, signal)),
      initialize: perform(performing, 'initialize', (input, signal) => content.initialize(input, signal)),
      seal: perform(performing, 'seal', (input, signal) => content.seal(input, signal)),
      announce: perform(performing, 'announce', (input) => content.announce(input)),
      runJob: perform(performing, 'backup', (input, signal) => backup.runJob(input, signal)),
      runPreStop: perform(performing, 'pre-stop', (input, signal) => content.runPreStop(input, signal)),
      uploadLogs: perform(performing, 'logs', (input, signal) => content.uploadLogs(input, signal)),
      quiesce: perform(performing, 'quiesce', (input, signal) => content.quiesce(input, signal)),
      finalBackup: perform(performing, 'backup', (input, signal) => backup.makeFinalBackup(input, signal)),
      verifyBackup: perform(performing, 'verify', (input, signal) => backup.confirm(input, signal)),
      remove: perform(performing, 'remove', (input, signal) => folder.remove(input, signal)),
      backupTimer: backupTimer(world, records),
      ...attachmentActors(world, records),
    },
  });
}

function publish(
  publisher: Publisher,
  instances: Instances,
  world: World,
  instance: InstanceId,
  moved: Moved,
): void {
  const at = world.clock.now();
  const { actor, from, to, cause, detail, isDurable } = moved;
  const isOwn = actor === 'content';
  const live = instances.find(instance);
  if (live !== undefined && isOwn) live.latest = { cause, at, sequence: live.latest.sequence };
  const ticket = publisher.publish(
    { at, instance, actor, from, to, cause, ...(detail === undefined ? {} : { detail }) },
    { durable: isDurable },
  );
  // What an attachment has on disk says nothing about the record that the content still waits for.
  if (isDurable && isOwn) publisher.release(instance, ticket);
}

function noteSequence(instances: Instances, transition: Transition): void {
  if (transition.actor !== 'content') return;
  const live = instances.find(transition.instance);
  if (live !== undefined) live.latest = { ...live.latest, sequence: transition.sequence };
}

async function recover(
  instances: Instances,
  records: ContentRecords,
  secrets: SecretStore,
  ahead: LookAhead,
): Promise<void> {
  const recorded = [...records.living()];
  const settingUp = recorded.filter((record) => record.step === 'setting-up');
  await secrets.sweep(new Set(settingUp.map((record) => record.identity.instance)));
  const left = ahead.over(recorded);
  // A few who take one after another: a queue of all would hold thousands of promises to the end, and leave a heap of holes.
  const recoverLeft = async () => {
    for await (const record of left) {
      await instances.recover(record);
      // One that is parked, or failed, looks at the world when it begins.
      ahead.take(record.identity.instance);
    }
  };
  await Promise.all(Array.from({ length: RECOVERIES_MAX }, recoverLeft));
}

async function close(
  records: ContentRecords,
  publisher: Publisher,
  layers: LayerCache | undefined,
): Promise<void> {
  await records.flush();
  await layers?.flush();
  await publisher.close();
}
