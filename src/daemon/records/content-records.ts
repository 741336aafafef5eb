import type { BackupTimerRecord } from '../../../machines/backup-timer-steps.js';
import type { RecordedAttachment } from '../../../machines/content-attachments.js';
import type { ContentContext, Identity } from '../../../machines/content-types.js';
import type { InstanceId } from '../../../machines/ids.js';
import { type ContentRecord, type ParkedRecord, withAttachment } from '../../../machines/record.js';
import { StewardError } from '../../errors/steward-error.js';
import type { World } from '../../gateways/world.js';
import type { AlarmListener } from '../../records/alarm.js';
import { RecordStore } from '../../records/record-store.js';
import type { WorkingArea } from '../area.js';
import { FINISHED_KEPT_MS, FINISHED_MAX } from '../bounds.js';
import type { Finished } from '../instance/finished.js';
import type { InstanceRecords } from '../instances.js';
import { contentRecordSchema, finishedSchema } from './content-record-schema.js';

type Needs = Pick<World, 'files' | 'clock'>;

/** The records of all instances, living and finished: on disk, and the newest durable ones in memory. */
export class ContentRecords implements InstanceRecords {
  readonly #world: Needs;
  readonly #store: RecordStore<ContentRecord>;
  readonly #finishedStore: RecordStore<Finished>;
  readonly #living = new Map<InstanceId, ContentRecord>();
  /** In the order they ended, so that the first is the one to forget. */
  readonly #finished = new Map<InstanceId, Finished>();

  /** Whose first record was given up and may be on disk: at most one of a workspace for as long as the disk works. */
  readonly #givenUp = new Map<InstanceId, Identity>();

  /** The last change of each record that is being changed; never rejects. */
  readonly #turns = new Map<InstanceId, Promise<void>>();

  private constructor(world: Needs, store: RecordStore<ContentRecord>, finishedStore: RecordStore<Finished>) {
    this.#world = world;
    this.#store = store;
    this.#finishedStore = finishedStore;
  }

  /** Opens both stores and reads everything; what cannot be read is set aside with an alarm. */
  static async open(world: Needs, area: WorkingArea, onAlarm: AlarmListener): Promise<ContentRecords> {
    const { setAside } = area;
    const store = await RecordStore.open(world, {
      folder: area.records,
      setAside,
      schema: contentRecordSchema,
      onAlarm,
    });
    const ends = await RecordStore.open(world, {
      folder: area.finished,
      setAside,
      schema: finishedSchema,
      onAlarm,
    });
    const records = new ContentRecords(world, store, ends);
    await records.#load();
    return records;
  }

  living(): IterableIterator<ContentRecord> {
    return this.#living.values();
  }

  read(instance: InstanceId): ContentRecord | undefined {
    return this.#living.get(instance);
  }

  /** Those of all instances that live here or are remembered. */
  workspaces(): readonly Omit<Identity, 'instance'>[] {
    const known = new Map<string, Identity>();
    for (const { identity } of [...this.#finished.values(), ...this.#living.values()]) {
      known.set(`${identity.owner}/${identity.workspace}`, identity);
    }
    return [...known.values()];
  }

  finished(instance: InstanceId): Finished | undefined {
    const finished = this.#finished.get(instance);
    return finished !== undefined && this.#isRemembered(finished) ? finished : undefined;
  }

  /**
   * Resolves when a restart would go on from here. The content and its attachments write the same record: their
   * changes go one by one, each from what the one before has made durable.
   */
  change(
    instance: InstanceId,
    next: (before: ContentRecord | undefined) => ContentRecord,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#inTurn(instance, async () => {
      signal.throwIfAborted();
      const before = this.#living.get(instance);
      const record = next(before);
      if (before === undefined) await this.#makeWay(record.identity);
      signal.throwIfAborted();
      // Before the write: it may be given up while it is under way.
      this.#givenUp.delete(instance);
      await this.#store.write(instance, record);
      this.#living.set(instance, record);
    });
  }

  /** Makes a step of one attachment durable, and nothing else. Throws `record-not-written` without an instance. */
  writeAttachment(instance: InstanceId, changed: RecordedAttachment, signal: AbortSignal): Promise<void> {
    const next = (found: ContentRecord | undefined) => {
      const before = existing(instance, found);
      return { ...before, attachments: withAttachment(before.attachments, changed) };
    };
    return this.change(instance, next, signal);
  }

  /** Makes a step of the backup timer durable, and nothing else. Throws `record-not-written` without an instance. */
  writeTimer(instance: InstanceId, timer: BackupTimerRecord, signal: AbortSignal): Promise<void> {
    return this.change(instance, (before) => ({ ...existing(instance, before), timer }), signal);
  }

  /** Makes a person's decision durable, and nothing else. Throws `record-not-written` without an instance. */
  writeParked(instance: InstanceId, parked: ParkedRecord | undefined): Promise<void> {
    const next = (before: ContentRecord | undefined) => ({ ...existing(instance, before), parked });
    return this.change(instance, next, new AbortController().signal);
  }

  /**
   * Makes a promised snapshot durable beside whatever runs now. Throws `record-not-written` without an instance.
   */
  writePromise(context: ContentContext, ticket: number): Promise<void> {
    const { instance } = context.identity;
    const next = (found: ContentRecord | undefined) => {
      const before = existing(instance, found);
      if (before.ticket >= ticket) return before;
      const { jobs, snapshots } = context;
      return { ...before, ticket, jobs, snapshots };
    };
    return this.change(instance, next, new AbortController().signal);
  }

  /** Remembers the end first, then forgets the life: a crash in between leaves both, and `open` mends that. */
  finish(finished: Finished): Promise<void> {
    const { instance } = finished.identity;
    return this.#inTurn(instance, async () => {
      await this.#finishedStore.write(instance, finished);
      this.#finished.delete(instance);
      this.#finished.set(instance, finished);
      await this.#store.remove(instance);
      this.#living.delete(instance);
      this.#forgetOld();
    });
  }

  async settled(instance: InstanceId): Promise<void> {
    await this.#turns.get(instance);
  }

  discard(identity: Identity): void {
    this.#givenUp.set(identity.instance, identity);
    // What stays after all is set up by the next start, or goes before another instance of its workspace begins.
    this.#removeGivenUp(identity.instance).catch(() => undefined);
  }

  async flush(): Promise<void> {
    await this.#store.flush();
    await this.#finishedStore.flush();
  }

  async #load(): Promise<void> {
    const ends: Finished[] = [];
    for await (const { body } of this.#finishedStore.loadAll()) ends.push(body);
    ends.sort((one, other) => one.endedAt - other.endedAt);
    for (const end of ends) this.#finished.set(end.identity.instance, end);
    for await (const { key, body } of this.#store.loadAll()) {
      const end = this.#finished.get(body.identity.instance);
      if (body.step === 'removing' && end !== undefined && end.endedAt >= body.at)
        await this.#store.remove(key);
      else this.#living.set(body.identity.instance, body);
    }
    this.#forgetOld();
  }

  /** Runs `task` after what is under way for the instance has ended, well or not. */
  #inTurn(instance: InstanceId, task: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(instance) ?? Promise.resolve();
    const result = before.then(task);
    const turn = result.catch(() => undefined);
    this.#turns.set(instance, turn);
    turn.then(() => {
      if (this.#turns.get(instance) === turn) this.#turns.delete(instance);
    });
    return result;
  }

  /** Nothing that a start would bring back is beside the first record of an instance. */
  async #makeWay({ instance, owner, workspace }: Identity): Promise<void> {
    await this.#forgetFormerLife(instance);
    for (const other of this.#givenUp.values()) {
      const isInTheWay = other.owner === owner && other.workspace === workspace;
      if (isInTheWay && other.instance !== instance) await this.#removeGivenUp(other.instance);
    }
  }

  #removeGivenUp(instance: InstanceId): Promise<void> {
    return this.#inTurn(instance, async () => {
      if (!this.#givenUp.has(instance)) return;
      this.#living.delete(instance);
      await this.#store.remove(instance);
      this.#givenUp.delete(instance);
    });
  }

  /** An id may be used again after a set-up that failed: what was told of that life says nothing of the next one. */
  async #forgetFormerLife(instance: InstanceId): Promise<void> {
    if (!this.#finished.has(instance)) return;
    await this.#finishedStore.remove(instance);
    this.#finished.delete(instance);
  }

  /** Nobody waits for it: there may be thousands. What cannot be removed now is forgotten at the next start. */
  #forgetOld(): void {
    for (const [instance, finished] of this.#finished) {
      if (this.#finished.size <= FINISHED_MAX && this.#isRemembered(finished)) return;
      this.#finished.delete(instance);
      this.#finishedStore.remove(instance).catch(() => undefined);
    }
  }

  #isRemembered(finished: Finished): boolean {
    return this.#world.clock.now() - finished.endedAt <= FINISHED_KEPT_MS;
  }
}

function existing(instance: InstanceId, record: ContentRecord | undefined): ContentRecord {
  if (record !== undefined) return record;
  throw new StewardError('record-not-written', `instance ${instance} has no record`);
}
