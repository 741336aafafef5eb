import { assign, type DoneActorEvent, type ErrorActorEvent, setup, stopChild } from 'xstate';
import type { AttachmentOutput } from './attachment.js';
import type { Attachment, AttachmentId } from './content-attachments.js';
import * as attachments from './content-attachments.js';
import * as steps from './content-steps.js';
import type {
  BackupReference,
  ContentContext,
  Disposal,
  GitReport,
  Job,
  RecordedStep,
  SetupRequest,
  SetupResult,
  Survey,
} from './content-types.js';
import { type Done, effect } from './effect.js';
import { mountMachine } from './mount.js';
import { type ContentRecord, fromRecord } from './record.js';
import { vethMachine } from './veth-pair.js';

/** What the outside tells an instance's content; every event carries the time it was accepted at. */
export type ContentEvent =
  | { readonly type: 'INIT'; readonly at: number; readonly request: SetupRequest }
  | { readonly type: 'BACKUP'; readonly at: number; readonly ticket: number }
  | { readonly type: 'SNAPSHOT'; readonly at: number; readonly ticket: number; readonly name: string }
  | { readonly type: 'ATTACH'; readonly at: number; readonly attachment: Attachment }
  | { readonly type: 'DISPOSE'; readonly at: number; readonly disposal: Disposal }
  | { readonly type: 'RETRY'; readonly at: number };

/** The end of an attachment, by itself or after STOP. */
type AttachmentEnded =
  | DoneActorEvent<AttachmentOutput, AttachmentId>
  | ErrorActorEvent<unknown, AttachmentId>;

export type ContentInput =
  | {
      readonly kind: 'new';
      readonly identity: ContentContext['identity'];
      readonly limits: ContentContext['limits'];
      readonly at: number;
    }
  | {
      readonly kind: 'recorded';
      readonly record: ContentRecord;
      readonly limits: ContentContext['limits'];
      readonly at: number;
    };

/** What each step's effect gets: the data as it stands. It reads what it needs and changes nothing. */
export interface StepInput {
  readonly context: ContentContext;
}

export interface RecordInput extends StepInput {
  readonly step: RecordedStep;
}

export interface JobInput extends StepInput {
  readonly job: Job | undefined;
}

export const contentSetup = setup({
  types: {
    context: {} as ContentContext,
    events: {} as ContentEvent | AttachmentEnded,
    input: {} as ContentInput,
    tags: {} as 'recording',
  },
  actors: {
    /** Resolves at an absolute time, at once when it is past. */
    deadline: effect<Done, { readonly at: number }>('deadline'),
    /** Makes the record durable; after `gone` it is remembered among the finished ids instead. */
    writeRecord: effect<Done & { readonly step: RecordedStep }, RecordInput>('writeRecord'),
    /** Compares the record with the world after a restart. */
    survey: effect<Survey, StepInput>('survey'),
    /** Empties and creates the content folder, checks storage and quota. */
    reserve: effect<Done, StepInput>('reserve'),
    initialize: effect<Done & { readonly setup: SetupResult }, StepInput>('initialize'),
    /** Makes what was set up last: synced, credentials dropped. */
    seal: effect<Done, StepInput>('seal'),
    /** Tells the inside that the content is ready (marker file). */
    announce: effect<Done, StepInput>('announce'),
    runJob: effect<Done & { readonly reference: BackupReference }, JobInput>('runJob'),
    /** Ends all work on the content (aborts, waits, kills), then reads the state of its main working copy. */
    quiesce: effect<Done & { readonly git: GitReport | undefined }, StepInput>('quiesce'),
    finalBackup: effect<Done & { readonly reference: BackupReference }, StepInput>('finalBackup'),
    verifyBackup: effect<Done, StepInput>('verifyBackup'),
    /** Removes the content folder and what belongs to it. */
    remove: effect<Done, StepInput>('remove'),
    mount: mountMachine,
    vethPair: vethMachine,
  },
  guards: {
    isRecorded: ({ context }) => context.recorded !== undefined,
    recordedAvailable: ({ context }) => context.recorded === 'available',
    recordedWrappingUp: ({ context }) => context.recorded === 'wrapping-up',
    recordedRemoving: ({ context }) => context.recorded === 'removing',
    isDisposed: ({ context }) => context.disposal !== undefined,
    isCompleteAndDisposed: ({ context }) =>
      context.recorded === 'available' && context.disposal !== undefined,
    /** Once removal is recorded, nothing can be added to what was asked for. */
    mayJoinDisposal: ({ context }) => context.recorded !== 'removing',
    hasRoomForJob: ({ context }) => context.jobs.length < context.limits.jobsMax,
    hasJob: ({ context }) => context.jobs.length > 0,
    canAttach: ({ context, event }) =>
      event.type === 'ATTACH' && attachments.canAttach(context, event.attachment),
    isEndOfAttachment: ({ event }) => attachments.endedIn(event) !== undefined,
    isEndOfLeaving: ({ context, event }) => attachments.endedIn(event) === attachments.nextToLeave(context),
    hasAttachment: ({ context }) => context.attachments.length > 0,
    wantsBackup: ({ context }) => context.setup !== undefined && context.disposal?.backup === true,
    /** Content may go only when it never was complete, or when somebody said in so many words that it may. */
    mayDiscard: ({ context }) => context.setup === undefined || context.disposal?.backup === false,
    isBackedUp: ({ context }) => context.verified,
    hasAttemptLeft: ({ context }) =>
      context.failure?.retryable === true && context.attempt < context.limits.backupAttemptsMax,
  },
  actions: {
    waitForSurvey: assign(({ context }) =>
      steps.waiting(context, 'looking at the world', context.limits.surveyMs),
    ),
    waitForRecord: assign(({ context }) =>
      steps.waiting(context, 'writing the record', context.limits.recordMs),
    ),
    waitForReserve: assign(({ context }) => steps.waiting(context, 'reserving', context.limits.reserveMs)),
    waitForInitialize: assign(({ context }) =>
      steps.waiting(context, 'initializing', context.limits.initializeMs),
    ),
    waitForSeal: assign(({ context }) => steps.waiting(context, 'sealing', context.limits.sealMs)),
    waitForAnnounce: assign(({ context }) => steps.waiting(context, 'announcing', context.limits.sealMs)),
    waitForJob: assign(({ context }) =>
      steps.waiting(context, 'the backup or snapshot', context.limits.backupMs),
    ),
    waitForQuiet: assign(({ context }) =>
      steps.waiting(context, 'ending all work', context.limits.quiesceMs),
    ),
    waitForDetach: assign(({ context }) =>
      steps.waiting(context, `the end of ${attachments.nextToLeave(context)}`, context.limits.disconnectMs),
    ),
    waitForBackup: assign(({ context }) =>
      steps.waiting(context, 'the final backup', context.limits.backupMs),
    ),
    waitForVerify: assign(({ context }) =>
      steps.waiting(context, 'verifying the backup', context.limits.verifyMs),
    ),
    waitForRemove: assign(({ context }) => steps.waiting(context, 'removing', context.limits.removeMs)),
    /** An effect is done: only its time matters here. */
    keepTime: assign(({ event }) => steps.timeOf(event)),
    becomeAvailable: assign(({ context }) => steps.becameAvailable(context)),
    /** A record is on disk: from here a restart goes on. */
    keepRecord: assign(({ event }) => steps.recordKept(event)),
    /** An effect was rejected. */
    fail: assign(({ context, event }) => steps.failed(steps.failureOf(context, event))),
    /** The deadline of the present wait is past. */
    timeOut: assign(({ context, event }) => steps.failed(steps.overdue(context, event))),
    /** What was set up is not complete, so there is nothing to save. */
    forgetSetup: assign({ setup: undefined }),
    failAttempt: assign(({ context, event }) =>
      steps.attemptFailed(context, steps.failureOf(context, event)),
    ),
    timeOutAttempt: assign(({ context, event }) =>
      steps.attemptFailed(context, steps.overdue(context, event)),
    ),
    failJob: assign(({ context, event }) => steps.jobFailed(context, steps.failureOf(context, event))),
    timeOutJob: assign(({ context, event }) => steps.jobFailed(context, steps.overdue(context, event))),
    /** Its effects are aborted; what may be left of it is noted as the failure. */
    stopLeaving: stopChild(({ context }) => attachments.nextToLeave(context) ?? ''),
    leaveBehind: assign(({ context, event }) => attachments.leftBehind(context, event)),
    startWrappingUp: assign(({ context }) => steps.wrapUpStarted(context)),
    startAttempts: assign({ attempt: 0 }),
    pauseAttempts: assign(({ context }) => steps.pausing(context, 'the next attempt of the final backup')),
    pauseStranded: assign(({ context }) => steps.pausing(context, 'the next attempt to save the content')),
    pauseRecord: assign(({ context }) => steps.pausing(context, 'the next attempt to write the record')),
    pauseRemoval: assign(({ context }) => steps.pausing(context, 'the next attempt to remove the content')),
    refuseJobs: assign(({ context }) => steps.jobsRefused(context)),
  },
});

/** The data an actor starts with. */
export function startingContext(input: ContentInput): ContentContext {
  if (input.kind === 'recorded') return { ...fromRecord(input.record, input.limits), at: input.at };
  return {
    identity: input.identity,
    limits: input.limits,
    generation: 1,
    recorded: undefined,
    request: undefined,
    at: input.at,
    since: input.at,
    deadline: input.at,
    waitingFor: '',
    setup: undefined,
    jobs: [],
    results: [],
    ticket: 0,
    lastBackup: undefined,
    attachments: [],
    disposal: undefined,
    attempt: 0,
    pauses: 0,
    finalBackup: undefined,
    verified: false,
    gitStatus: undefined,
    failure: undefined,
  };
}
