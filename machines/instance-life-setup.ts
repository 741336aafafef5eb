import { assign, setup } from 'xstate';
import type { GitReport, StepMetric } from './content-types.js';
import { type Done, effect } from './effect.js';
import * as steps from './instance-life-steps.js';
import type { LifeContext, LifeLimits, LifeRecord, LifeSurvey } from './instance-life-types.js';
import {
  type CommandEnd,
  isEnding,
  type StopRequest,
  type WorkspaceKind,
  wantsBackup,
} from './workspace-phase.js';

export interface StopEvent {
  readonly type: 'STOP';
  readonly at: number;
  readonly request: StopRequest;
}

/** A limit of its phase is over; which one the pure `dueTimeouts` says, and when a timer outside. */
export interface TimeoutEvent {
  readonly type: 'TIMEOUT';
  readonly at: number;
  readonly reason: string;
  /** How long its command gets to end by itself. */
  readonly graceMs: number;
}

export type LifeInput =
  | {
      readonly from: 'request';
      readonly identity: LifeContext['identity'];
      readonly kind: WorkspaceKind;
      readonly limits: LifeLimits;
      readonly at: number;
    }
  | {
      readonly from: 'record';
      readonly record: LifeRecord;
      readonly limits: LifeLimits;
      readonly at: number;
    };

/** What each step's effect gets: the data as it stands. It reads what it needs and changes nothing. */
export interface LifeStep {
  readonly context: LifeContext;
}

export const lifeSetup = setup({
  types: {
    context: {} as LifeContext,
    events: {} as StopEvent | TimeoutEvent,
    input: {} as LifeInput,
    tags: {} as 'recording',
  },
  actors: {
    /** Resolves at an absolute time, at once when it is past. */
    deadline: effect<Done, { readonly at: number }>('deadline'),
    /** Makes the data durable, and only then known to anybody. */
    writeRecord: effect<Done, LifeStep>('writeRecord'),
    /** Compares the record with the world after a restart. */
    survey: effect<LifeSurvey, LifeStep>('survey'),
    /** Finds the daemon that is to hold the content. */
    prepare: effect<Done, LifeStep>('prepare'),
    /** Has the content produced; resolves when it is ready. Asking again joins what is under way. */
    initContent: effect<Done & { readonly metrics: readonly StepMetric[] }, LifeStep>('initContent'),
    /** Starts the command unless it was started before. */
    startCommand: effect<Done, LifeStep>('startCommand'),
    awaitEnd: effect<Done & { readonly end: CommandEnd }, LifeStep>('awaitEnd'),
    /** Ends the command and all its processes, politely until `killAt`; afterwards none can start. */
    stopCommand: effect<Done & { readonly end: CommandEnd | undefined }, LifeStep>('stopCommand'),
    /** Has the daemon promise a snapshot of what a prebuild made. */
    takeSnapshot: effect<Done & { readonly url: string }, LifeStep>('takeSnapshot'),
    /** Saves the content if it has to be saved, and has it removed. */
    disposeContent: effect<
      Done & { readonly outcome: 'backed-up' | 'discarded' | 'lost'; readonly git: GitReport | undefined },
      LifeStep & { readonly backup: boolean }
    >('disposeContent'),
  },
  guards: {
    isRecorded: ({ context }) => context.recorded,
    isEnding: ({ context }) => isEnding(context),
    wasRunning: ({ context }) => context.command.state === 'running',
    isReady: ({ context }) => context.content === 'ready',
    isDeployed: ({ context }) => context.deployed,
    hasBegun: ({ context }) => context.begun,
    isWorthSnapshot: ({ context }) => steps.isWorthSnapshot(context),
  },
  actions: {
    waitForRecord: assign(({ context }) =>
      steps.waiting(context, 'writing the record', context.limits.recordMs),
    ),
    waitForSurvey: assign(({ context }) =>
      steps.waiting(context, 'looking at the world', context.limits.surveyMs),
    ),
    waitForPrepare: assign(({ context }) =>
      steps.waiting(context, 'reaching the daemon', context.limits.prepareMs),
    ),
    waitForContent: assign(({ context }) =>
      steps.waiting(context, 'setting up the content', context.limits.initializeMs),
    ),
    waitForStart: assign(({ context }) =>
      steps.waiting(context, 'starting the command', context.limits.startMs),
    ),
    waitForStop: assign(({ context }) => ({
      waitingFor: 'ending the command',
      deadline: Math.max(context.at, context.killAt ?? context.at) + context.limits.killMs,
    })),
    waitForSnapshot: assign(({ context }) =>
      steps.waiting(context, 'the snapshot', context.limits.snapshotMs),
    ),
    waitForDispose: assign(({ context }) =>
      steps.waiting(
        context,
        wantsBackup(context) ? 'the final backup' : 'removing the content',
        context.limits.disposeMs,
      ),
    ),
    noteStop: assign(({ context, event }) =>
      event.type === 'STOP' ? steps.stopRequested(context, event.request, event.at) : {},
    ),
    noteTimeout: assign(({ context, event }) =>
      event.type === 'TIMEOUT' ? steps.timedOut(context, event.reason, event.graceMs, event.at) : {},
    ),
    beginEnd: assign(({ context }) => ({ stoppingAt: context.stoppingAt ?? context.at })),
    keepTime: assign(({ event }) => steps.timeOf(event)),
    keepRecord: assign(({ event }) => ({ ...steps.timeOf(event), recorded: true })),
    failContent: assign(({ context, event }) =>
      steps.contentFailed(context, steps.failureOf(context, event)),
    ),
    failContentOverdue: assign(({ context, event }) =>
      steps.contentFailed(context, steps.overdue(context, event)),
    ),
    failPrepare: assign(({ context, event }) =>
      steps.failed(context, 'the node cannot be reached', steps.failureOf(context, event)),
    ),
    failPrepareOverdue: assign(({ context, event }) =>
      steps.failed(context, 'the node cannot be reached', steps.overdue(context, event)),
    ),
    failStart: assign(({ context, event }) =>
      steps.failed(context, "the workspace's command could not be started", steps.failureOf(context, event)),
    ),
    failStartOverdue: assign(({ context, event }) =>
      steps.failed(context, "the workspace's command could not be started", steps.overdue(context, event)),
    ),
    troubleStop: assign(({ context, event }) =>
      steps.troubled(context, 'the command does not end', steps.failureOf(context, event)),
    ),
    troubleStopOverdue: assign(({ context, event }) =>
      steps.troubled(context, 'the command does not end', steps.overdue(context, event)),
    ),
    missSnapshot: assign(({ context, event }) => steps.snapshotMissed(steps.failureOf(context, event))),
    missSnapshotOverdue: assign(({ context, event }) => steps.snapshotMissed(steps.overdue(context, event))),
    troubleDispose: assign(({ context, event }) =>
      steps.troubled(context, steps.whatIsKept(context), steps.failureOf(context, event)),
    ),
    troubleDisposeOverdue: assign(({ context, event }) =>
      steps.troubled(context, steps.whatIsKept(context), steps.overdue(context, event)),
    ),
    pause: assign(({ context }) => ({ waitingFor: 'the next attempt', deadline: context.retryAt })),
  },
});

/** The data an actor starts with. */
export function startingContext(input: LifeInput): LifeContext {
  if (input.from === 'record') return steps.fromRecord(input.record, input.limits, input.at);
  return {
    identity: input.identity,
    kind: input.kind,
    limits: input.limits,
    generation: 1,
    recorded: false,
    at: input.at,
    createdAt: input.at,
    deadline: input.at,
    waitingFor: '',
    begun: false,
    deployed: false,
    content: 'none',
    setUp: [],
    command: { state: 'none' },
    stop: undefined,
    timedOut: '',
    failure: '',
    disposal: 'none',
    killAt: undefined,
    stoppingAt: undefined,
    pauses: 0,
    retryAt: input.at,
    message: '',
    snapshot: '',
    gitStatus: undefined,
  };
}
