import { isDeepStrictEqual } from 'node:util';
import type { InstanceId } from '../../../machines/ids.js';
import { StewardError } from '../../errors/steward-error.js';
import type { RecordStore } from '../../records/record-store.js';
import { CHANGES_WAITING_MAX } from '../bounds.js';
import type { InstanceDraft, InstanceRecord } from './instance-record.js';

export interface RecordWriterOptions {
  readonly store: RecordStore<InstanceRecord>;
  /** A status version larger than all before it. */
  readonly nextVersion: () => Promise<number>;
  /** The newest record is on disk; `isNews`: a status made of it differs from the one before. */
  readonly onRecorded: (record: InstanceRecord, isNews: boolean) => void;
}

/** What becomes of the newest draft; what it throws its caller gets, and nothing changes. */
export type Edit = (draft: InstanceDraft | undefined) => InstanceDraft;

interface Change {
  readonly edit: Edit;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * The record of one instance. Its life and its users change different parts of it at any time: changes are applied in
 * the order they came, those that wait share one write, and each is answered when it is on disk.
 */
export class RecordWriter {
  readonly #instance: InstanceId;
  readonly #options: RecordWriterOptions;
  #record: InstanceRecord | undefined;
  #waiting: Change[] = [];
  #isWriting = false;

  constructor(instance: InstanceId, record: InstanceRecord | undefined, options: RecordWriterOptions) {
    this.#instance = instance;
    this.#record = record;
    this.#options = options;
  }

  /** The newest record on disk. */
  get record(): InstanceRecord | undefined {
    return this.#record;
  }

  /** Resolves when the change is on disk, at once when it changes nothing. */
  change(edit: Edit): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= CHANGES_WAITING_MAX) {
        reject(new StewardError('overloaded', `${CHANGES_WAITING_MAX} changes of the instance wait`));
        return;
      }
      this.#waiting.push({ edit, resolve, reject });
      if (!this.#isWriting) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) await this.#settle(this.#waiting.splice(0));
    this.#isWriting = false;
  }

  async #settle(changes: readonly Change[]): Promise<void> {
    const applied: Change[] = [];
    let draft: InstanceDraft | undefined = this.#record;
    for (const change of changes) {
      try {
        draft = change.edit(draft);
        applied.push(change);
      } catch (error) {
        change.reject(error);
      }
    }
    try {
      if (draft !== undefined && draft !== this.#record) await this.#save(draft);
      for (const { resolve } of applied) resolve();
    } catch (error) {
      for (const { reject } of applied) reject(error);
    }
  }

  async #save(draft: InstanceDraft): Promise<void> {
    const { store, nextVersion, onRecorded } = this.#options;
    const before = this.#record;
    const isNews = before === undefined || isDifferentStatus(before, draft);
    const version = isNews ? await nextVersion() : before.version;
    const record = { ...draft, version };
    await store.write(this.#instance, record);
    this.#record = record;
    onRecorded(record, isNews);
  }
}

/** When it was last used, and whether its editor is closed, is in no status. */
function isDifferentStatus(before: InstanceRecord, draft: InstanceDraft): boolean {
  return (
    before.life !== draft.life ||
    before.activity.first !== draft.activity.first ||
    !isDeepStrictEqual(before.settings, draft.settings)
  );
}
