import {
  assign,
  type DoneActorEvent,
  type ErrorActorEvent,
  enqueueActions,
  sendTo,
  setup,
  stopChild,
} from 'xstate';
import type { AttachmentOutput } from './attachment.js';
import { BACKUP_TIMER, type BackupDue, type BackupTimerOutput, backupTimerMachine } from './backup-timer.js';
import type { Attachment, AttachmentId } from './content-attachments.js';
import * as attachments from './content-attachments.js';
import * as jobs from './content-jobs.js';
import * as steps from './content-steps.js';
import * as told from './content-timer-steps.js';
import type {
  BackupReference,
  ContentContext,
  Disposal,
  GitReport,
  Job,
  PreStopReport,
  RecordedStep,
  SetupRequest,
  SetupResult,
  Survey,
} from './content-types.js';
import { type Done, type Drawn, effect } from './effect.js';
import { failureOf, overdue, timeOf } from './effect-end.js';
import { mountMachine } from './mount.js';
import { type ContentRecord, fromRecord } from './record.js';
import { vethMachine } from './veth-pair.js';

/** What the outside tells an instance's content; every event carries the time it was accepted at. */
export type ContentEvent =
  | { readonly type: 'INIT'; readonly at: number; readonly request: SetupRequest }
  | {
      readonly type: 'BACKUP';
      readonly at: number;
      readonly ticket: number;
      readonly acceptShrink: boolean;
    }
  | { readonly type: 'SNAPSHOT'; readonly at: number; readonly ticket: number; readonly name: string }
  | { readonly type: 'ATTACH'; readonly at: number; readonly attachment: Attachment }
  | { readonly type: 'DISPOSE'; readonly at: number; readonly disposal: Disposal }
  | { readonly type: 'RETRY'; readonly at: number };

/** The end of a child, by itself or after STOP. */
type ChildEnded =
  | DoneActorEvent<AttachmentOutput, AttachmentId>
  | DoneActorEvent<BackupTimerOutput, typeof BACKUP_TIMER>
  | ErrorActorEvent<unknown, AttachmentId | typeof BACKUP_TIMER>;

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
    events: {} as ContentEvent | BackupDue | ChildEnded,
    input: {} as ContentInput,
    tags: {} as 'recording',
  },
  actors: {
    /** Resolves at an absolute time, at once when it is past. */
    deadline: effect<Drawn, { readonly at: number }>('deadline'),
    /** Makes the record durable; after `gone` it is remembered among the finished ids instead. */
    writeRecord: effect<Done & { readonly step: RecordedStep }, RecordInput>('writeRecord'),
    /** Compares the record with the world after a restart. */
    survey: effect<Survey, StepInput>('survey'),
    /** Empties and creates the content folder, checks storage and quota. */
    reserve: effect<Drawn, StepInput>('reserve'),
    initialize: effect<Drawn & { readonly setup: SetupResult }, StepInput>('initialize'),
    /** Makes what was set up last: synced, credentials dropped. */
    seal: effect<Drawn, StepInput>('seal'),
    /** Tells the inside that the content is ready (marker file). */
    announce: effect<Drawn, StepInput>('announce'),
    /** A backup that found nothing changed answers with the newest one there is. */
    runJob: effect<Drawn & { readonly reference: BackupReference }, JobInput>('runJob'),
    /** Runs the workspace's own program, with a deadline of its own. */
    runPreStop: effect<Drawn & { readonly report: Omit<PreStopReport, 'at'> }, StepInput>('runPreStop'),
    /** Ends all work on the content (aborts, waits, kills), then reads the state of its main working copy. */
    quiesce: effect<Drawn & { readonly git: GitReport | undefined }, StepInput>('quiesce'),
    /** Stores what the terminals said. */
    uploadLogs: effect<Drawn, StepInput>('uploadLogs'),
    finalBackup: effect<Drawn & { readonly reference: BackupReference }, StepInput>('finalBackup'),
    verifyBackup: effect<Drawn, StepInput>('verifyBackup'),
    /** Removes the content folder and what belongs to it. */
    remove: effect<Drawn, StepInput>('remove'),
    backupTimer: backupTimerMachine,
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
    isTimerOn: ({ context }) => context.isTimerOn,
    isEndOfTimer: ({ event }) => 'actorId' in event && event.actorId === BACKUP_TIMER,
    /** Once, over restarts too; and only where there is a workspace that was in use. */
    needsPreStop: ({ context }) =>
      context.preStop === undefined && context.setup !== undefined && !steps.isMissing(context),
    needsLogs: ({ context }) =>
      context.logs === undefined &&
      context.setup !== undefined &&
      context.disposal?.backupLogs === true &&
      !steps.isMissing(context),
    acceptsShrink: ({ event }) => event.type === 'BACKUP' && event.acceptShrink,
    wantsBackup: ({ context }) =>
      context.setup !== undefined && context.disposal?.backup === true && !steps.isMissing(context),
    /** Content may go only when there is none, or when somebody said in so many words that it may. */
    mayDiscard: ({ context }) =>
      context.setup === undefined || context.disposal?.backup === false || steps.isMissing(context),
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
    waitForPreStop: assign(({ context }) =>
      steps.waiting(context, "the workspace's own pre-stop program", context.limits.preStopMs),
    ),
    waitForTimer: assign(({ context }) =>
      steps.waiting(context, 'the end of the backup timer', context.limits.disconnectMs),
    ),
    waitForLogs: assign(({ context }) =>
      steps.waiting(context, 'storing the terminal logs', context.limits.logsMs),
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
    keepTime: assign(({ context, event }) => ({ at: timeOf(event, context.at) })),
    becomeAvailable: assign(({ context }) => steps.becameAvailable(context)),
    /** A record is on disk: from here a restart goes on. */
    keepRecord: assign(({ context, event }) => steps.recordKept(context, event)),
    /** An effect was rejected. */
    fail: assign(({ context, event }) => steps.failed(failureOf(event, context.at))),
    /** The deadline of the present wait is past. */
    timeOut: assign(({ context, event }) => steps.failed(overdue(event, context))),
    /** What was set up is not complete, so there is nothing to save. */
    forgetSetup: assign({ setup: undefined }),
    failAttempt: assign(({ context, event }) => steps.attemptFailed(context, failureOf(event, context.at))),
    timeOutAttempt: assign(({ context, event }) => steps.attemptFailed(context, overdue(event, context))),
    tellTimerDone: enqueueActions(({ context, event, enqueue }) => {
      const end = told.done(context, event);
      if (end !== undefined) enqueue.sendTo(BACKUP_TIMER, end);
    }),
    tellTimerRefused: enqueueActions(({ context, enqueue }) => {
      const end = told.refused(context);
      if (end !== undefined) enqueue.sendTo(BACKUP_TIMER, end);
    }),
    refuseRun: enqueueActions(({ event, enqueue }) => {
      const end = told.refusedRun(event);
      if (end !== undefined) enqueue.sendTo(BACKUP_TIMER, end);
    }),
    stopTimer: sendTo(BACKUP_TIMER, ({ context }) => ({ type: 'STOP', at: context.at })),
    /** It did not end in time: it is ended, and all it leaves is its record. */
    endTimer: stopChild(BACKUP_TIMER),
    leaveTimer: assign(({ context, event }) => steps.timerLeft(context, event)),
    beginJob: assign(({ context }) => jobs.began(context)),
    /** The timer is told before the job goes. */
    failJob: enqueueActions(({ context, event, enqueue }) => {
      const end = told.failed(context, event);
      if (end !== undefined) enqueue.sendTo(BACKUP_TIMER, end);
      enqueue.assign(jobs.failed(context, failureOf(event, context.at)));
    }),
    timeOutJob: enqueueActions(({ context, event, enqueue }) => {
      const end = told.late(context, event);
      if (end !== undefined) enqueue.sendTo(BACKUP_TIMER, end);
      enqueue.assign(jobs.failed(context, overdue(event, context)));
    }),
    failPreStop: assign(({ context, event }) =>
      steps.preStopBroken(context, failureOf(event, context.at), 'failed'),
    ),
    timeOutPreStop: assign(({ context, event }) =>
      steps.preStopBroken(context, overdue(event, context), 'timed-out'),
    ),
    failLogs: assign(({ context, event }) => steps.logsFailed(failureOf(event, context.at))),
    timeOutLogs: assign(({ context, event }) => steps.logsFailed(overdue(event, context))),
    /** Its effects are aborted; what may be left of it is noted as the failure. */
    stopLeaving: stopChild(({ context }) => attachments.nextToLeave(context) ?? ''),
    leaveBehind: assign(({ context, event }) => attachments.leftBehind(context, event)),
    startWrappingUp: assign(({ context }) => steps.wrapUpStarted(context)),
    startAttempts: assign({ attempt: 0 }),
    pauseAttempts: assign(({ context }) => steps.pausing(context, 'the next attempt of the final backup')),
    pauseStranded: assign(({ context }) => steps.pausing(context, 'the next attempt to save the content')),
    pauseRecord: assign(({ context }) => steps.pausing(context, 'the next attempt to write the record')),
    pauseRemoval: assign(({ context }) => steps.pausing(context, 'the next attempt to remove the content')),
    refuseBackups: assign(({ context }) => jobs.backupsRefused(context)),
    acceptShrink: assign(({ context, event }) => steps.shrinkAccepted(context, timeOf(event, context.at))),
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
    jobBeganAt: input.at,
    results: [],
    ticket: 0,
    snapshots: [],
    lastBackup: undefined,
    savedAt: undefined,
    timer: undefined,
    isTimerOn: false,
    attachments: [],
    disposal: undefined,
    preStop: undefined,
    logs: undefined,
    attempt: 0,
    pauses: 0,
    finalBackup: undefined,
    verified: false,
    gitStatus: undefined,
    failure: undefined,
    rootFailure: undefined,
  };
}
