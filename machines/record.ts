import { attachmentId, type RecordedAttachment } from './content-attachments.js';
import type { ContentContext, ContentState, RecordedStep } from './content-types.js';

/** Version of the record's shape; a change of shape raises it and adds a migration in src/daemon. */
export const CONTENT_RECORD_VERSION = 2;

/**
 * What is on disk about one instance: everything a restart needs to go on, and nothing that is secret. What a
 * restart finds out by looking (processes, files, mounts) is not in it.
 */
export type ContentRecord = Omit<
  ContentContext,
  'limits' | 'recorded' | 'attachments' | 'isTimerOn' | 'jobBeganAt' | 'deadline' | 'waitingFor'
> & {
  readonly step: RecordedStep;
  /** What the attachments have made durable about themselves, in the order they were added. */
  readonly attachments: readonly RecordedAttachment[];
  /** Somebody parked the instance: no actor of it is started until it is resumed. */
  readonly parked: ParkedRecord | undefined;
};

export interface ParkedRecord {
  readonly at: number;
  readonly reason: string;
}

/** What is in the record and is not the content's own: what its children and people made durable. */
export type ChildrenRecord = Pick<ContentRecord, 'attachments' | 'timer' | 'parked'>;

/** The content's part of its record; what others say there is theirs, and stays as it is on disk. */
export function toRecord(
  context: ContentContext,
  step: RecordedStep,
  children: ChildrenRecord | undefined,
): ContentRecord {
  const {
    limits: _limits,
    recorded: _recorded,
    attachments: _attachments,
    timer: _timer,
    isTimerOn: _isTimerOn,
    jobBeganAt: _jobBeganAt,
    deadline: _deadline,
    waitingFor: _waitingFor,
    ...kept
  } = context;
  return {
    ...kept,
    step,
    attachments: children?.attachments ?? [],
    timer: children?.timer,
    parked: children?.parked,
  };
}

/**
 * The data of an actor that comes back: one generation later, so that results of the former life are refused. A
 * backup that the timer asked for is asked for again by the timer. Field by field: copies of the rest of an object
 * have a shape each, and thousands come back at once.
 */
export function fromRecord(record: ContentRecord, limits: ContentContext['limits']): ContentContext {
  return {
    identity: record.identity,
    limits,
    generation: record.generation + 1,
    recorded: record.step,
    deadline: record.at,
    waitingFor: '',
    jobs: record.jobs.filter((job) => job.kind === 'snapshot' || job.origin === 'request'),
    jobBeganAt: record.at,
    isTimerOn: false,
    attachments: record.attachments.map(({ attachment, step: recorded }) => ({ attachment, recorded })),
    request: record.request,
    at: record.at,
    since: record.since,
    setup: record.setup,
    results: record.results,
    ticket: record.ticket,
    snapshots: record.snapshots,
    lastBackup: record.lastBackup,
    savedAt: record.savedAt,
    timer: record.timer,
    disposal: record.disposal,
    preStop: record.preStop,
    logs: record.logs,
    attempt: record.attempt,
    pauses: record.pauses,
    finalBackup: record.finalBackup,
    verified: record.verified,
    gitStatus: record.gitStatus,
    failure: record.failure,
    rootFailure: record.rootFailure,
  };
}

/** The state callers see while a recovered actor still looks at the world. */
export function stateOfRecord(step: RecordedStep | undefined): ContentState {
  switch (step) {
    case undefined:
    case 'gone':
      return 'NONE';
    case 'setting-up':
      return 'SETTING_UP';
    case 'available':
      return 'AVAILABLE';
    case 'wrapping-up':
    case 'removing':
      return 'WRAPPING_UP';
  }
}

/** The attachments of a record after one of them has taken a step; one that is absent is not kept. */
export function withAttachment(
  attachments: readonly RecordedAttachment[],
  changed: RecordedAttachment,
): readonly RecordedAttachment[] {
  const id = attachmentId(changed.attachment);
  const isChanged = ({ attachment }: RecordedAttachment) => attachmentId(attachment) === id;
  if (changed.step === 'absent') return attachments.filter((one) => !isChanged(one));
  if (!attachments.some(isChanged)) return [...attachments, changed];
  return attachments.map((one) => (isChanged(one) ? changed : one));
}
