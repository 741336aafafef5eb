import type { ContentContext, ContentState, RecordedStep } from './content-types.js';

/** Version of the record's shape; a change of shape raises it and adds a migration in src/daemon. */
export const CONTENT_RECORD_VERSION = 1;

/**
 * What is on disk about one instance: everything a restart needs to go on, and nothing that is secret. What a
 * restart finds out by looking (processes, files, mounts) is not in it.
 */
export type ContentRecord = Omit<
  ContentContext,
  'limits' | 'recorded' | 'jobs' | 'deadline' | 'waitingFor'
> & {
  readonly step: RecordedStep;
  /** Snapshots promised by name to callers that did not wait, and so must be made after a restart. */
  readonly jobs: ContentContext['jobs'];
};

export function toRecord(context: ContentContext, step: RecordedStep): ContentRecord {
  const {
    limits: _limits,
    recorded: _recorded,
    deadline: _deadline,
    waitingFor: _waitingFor,
    ...kept
  } = context;
  return { ...kept, step };
}

/** The data of an actor that comes back: one generation later, so that results of the former life are refused. */
export function fromRecord(record: ContentRecord, limits: ContentContext['limits']): ContentContext {
  const { step, ...kept } = record;
  return {
    ...kept,
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
