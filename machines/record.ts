import { attachmentId, type RecordedAttachment } from './content-attachments.js';
import type { ContentContext, ContentState, RecordedStep } from './content-types.js';

/** Version of the record's shape; a change of shape raises it and adds a migration in src/daemon. */
export const CONTENT_RECORD_VERSION = 1;

/**
 * What is on disk about one instance: everything a restart needs to go on, and nothing that is secret. What a
 * restart finds out by looking (processes, files, mounts) is not in it.
 */
export type ContentRecord = Omit<
  ContentContext,
  'limits' | 'recorded' | 'jobs' | 'attachments' | 'deadline' | 'waitingFor'
> & {
  readonly step: RecordedStep;
  /** Snapshots promised by name to callers that did not wait, and so must be made after a restart. */
  readonly jobs: ContentContext['jobs'];
  /** What the attachments have made durable about themselves, in the order they were added. */
  readonly attachments: readonly RecordedAttachment[];
};

/** The content's part of its record; that of the attachments is theirs, and stays as it is on disk. */
export function toRecord(
  context: ContentContext,
  step: RecordedStep,
  attachments: readonly RecordedAttachment[],
): ContentRecord {
  const {
    limits: _limits,
    recorded: _recorded,
    attachments: _attachments,
    deadline: _deadline,
    waitingFor: _waitingFor,
    ...kept
  } = context;
  return { ...kept, step, attachments };
}

/** The data of an actor that comes back: one generation later, so that results of the former life are refused. */
export function fromRecord(record: ContentRecord, limits: ContentContext['limits']): ContentContext {
  const { step, attachments, ...kept } = record;
  return {
    ...kept,
    attachments: attachments.map(({ attachment, step: recorded }) => ({ attachment, recorded })),
    limits,
    recorded: step,
    deadline: record.at,
    waitingFor: '',
    generation: record.generation + 1,
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
