import { contentMachine } from '../../../machines/content-state.js';
import type { Failure, Survey } from '../../../machines/content-types.js';
import { type Happening, overdue, type Spec, type StateRule } from '../harness/spec.js';
import { written } from './attachment.js';
import * as attachments from './content-attachments.js';
import * as data from './content-data.js';
import { become, jobDone, jobFailed, jobLate, queueing } from './content-jobs.js';
import {
  abandons,
  atRest,
  type Change,
  type Context,
  disposed,
  failing,
  giveUpLateSetup,
  giveUpSetup,
  intoUse,
  joined,
  late,
  leaves,
  type Rule,
  recording,
  timerEndings,
  timerEvents,
  to,
  waiting,
  wrapUp,
} from './content-rules.js';
import { disconnect, wrappingUp } from './content-wrapping-up.js';

const toResult = (_: Context, change: Change) => ({ to: 'available.recordingResult', change });

/** What content in use takes besides its work. */
const inUse = { ...attachments.attaches, ...leaves };

function surveyed(content: Survey['content'], credentials: Survey['credentials'], isAnnounced = false): Rule {
  return (context, { at }) => {
    const { recorded, setup, verified, request, disposal } = context;
    const needed = recorded === 'available' || (recorded === 'wrapping-up' && !verified);
    if (needed && setup !== undefined && content === 'absent') {
      const message = 'the content folder is gone; the last committed backup is what is left';
      const failure: Failure = { at, code: 'content-missing', message, retryable: false, jitter: 0 };
      const names = context.jobs.map((job) => (job.kind === 'snapshot' ? job.name : ''));
      return wrapUp(context, {
        ...{ at, failure, rootFailure: failure, jobs: [] },
        snapshots: context.snapshots.map((one) => become(one, names, { failure })),
        disposal: { backup: false, backupLogs: false, acceptShrink: false, reason: message },
      });
    }
    if (recorded === 'wrapping-up') return wrapUp(context, { at });
    if (recorded === 'removing') return disconnect(context, { at });
    if (recorded === 'available' && disposal !== undefined) return wrapUp(context, { at });
    if (disposal !== undefined) return wrapUp(context, { at, setup: undefined });
    if (recorded === 'available' && isAnnounced) return intoUse(context, at);
    if (recorded === 'available') return { to: 'settingUp.announcing', change: { at } };
    if (request?.hasSecrets === true && credentials === 'lost') {
      const message = 'the credentials did not survive the restart of the machine';
      return wrapUp(context, {
        at,
        failure: { at, code: 'credentials-lost', message, retryable: true, jitter: 0 },
      });
    }
    return { to: 'settingUp.reserving', change: { at } };
  };
}

const toWrapUp = {
  failed: (context: Context, { failure }: Happening) => wrapUp(context, { at: failure.at, failure }),
  late: (context: Context, one: Happening) => wrapUp(context, { at: one.at, failure: overdue(context, one) }),
};

const settingUp: Record<string, StateRule<Context>> = {
  'settingUp.recordingRequest': recording('setting-up', {
    on: {
      ...abandons,
      'writeRecord.done': (_, { at }) => ({
        to: 'settingUp.reserving',
        change: { at, recorded: 'setting-up' },
      }),
    },
    failed: failing('refused'),
    late: late('refused'),
  }),
  'settingUp.reserving': waiting('reserve', {
    says: 'reserving',
    milliseconds: 1_300,
    on: { ...abandons, 'reserve.done': to('settingUp.initializing') },
    ...toWrapUp,
  }),
  'settingUp.initializing': waiting('initialize', {
    says: 'initializing',
    milliseconds: 1_400,
    on: {
      ...abandons,
      'initialize.done': (_, { at }) => ({
        to: 'settingUp.sealing',
        change: { at, setup: data.setup, failure: undefined },
      }),
    },
    ...toWrapUp,
  }),
  'settingUp.sealing': waiting('seal', {
    says: 'sealing',
    milliseconds: 1_500,
    on: { ...abandons, 'seal.done': to('settingUp.recordingAvailable') },
    failed: giveUpSetup,
    late: giveUpLateSetup,
  }),
  // AVAILABLE since its record was asked for, and the record says so.
  'settingUp.recordingAvailable': recording('available', {
    input: (context) => ({ context: { ...context, since: context.at } }),
    on: {
      ...abandons,
      'writeRecord.done': (context, { at }) => ({
        to: 'settingUp.announcing',
        change: { at, since: context.at, recorded: 'available' },
      }),
    },
    failed: giveUpSetup,
    late: giveUpLateSetup,
  }),
  'settingUp.announcing': waiting('announce', {
    says: 'announcing',
    milliseconds: 1_500,
    on: { ...leaves, 'announce.done': (context, { at }) => intoUse(context, at) },
    failed: failing('failed'),
    late: late('failed'),
  }),
};

const available: Record<string, StateRule<Context>> = {
  'available.idle': { rests: true, on: { ...queueing(true), ...inUse } },
  'available.recordingJob': recording('available', {
    on: {
      ...queueing(false),
      ...inUse,
      'writeRecord.done': (_, { at }) => ({ to: 'available.working', change: { at, recorded: 'available' } }),
    },
    failed: jobFailed(atRest),
    late: jobLate(atRest),
  }),
  'available.working': waiting('runJob', {
    says: 'the backup or snapshot',
    milliseconds: 1_800,
    enters: ({ at }) => ({ jobBeganAt: at }),
    input: ({ jobs }) => ({ job: jobs[0] }),
    on: {
      ...queueing(false),
      ...inUse,
      'runJob.done': jobDone(toResult),
    },
    failed: jobFailed(toResult),
    late: jobLate(toResult),
  }),
  'available.recordingResult': recording('available', {
    on: {
      ...queueing(false),
      ...inUse,
      'writeRecord.done': (context, { at }) => atRest(context, { at, recorded: 'available' }),
    },
    failed: (context, { failure }) => atRest(context, { at: failure.at, failure }),
    late: (context, one) => atRest(context, { at: one.at, failure: overdue(context, one) }),
  }),
};

const living: Record<string, StateRule<Context>> = {
  none: {
    rests: true,
    on: {
      INIT: (_, { at }) => ({
        to: 'settingUp.recordingRequest',
        change: { at, since: at, request: data.request },
      }),
    },
  },
  recovering: {
    ...waiting('survey', {
      says: 'looking at the world',
      milliseconds: 1_200,
      on: {
        ...disposed(({ recorded, disposal }, at, next) => ({
          change: recorded === 'removing' ? {} : { at, disposal: joined({ disposal }, next) },
        })),
        'survey.done present': surveyed('present', 'available'),
        'survey.done absent': surveyed('absent', 'available'),
        'survey.done present, announced': surveyed('present', 'available', true),
        'survey.done absent, announced': surveyed('absent', 'available', true),
        'survey.done present, credentials lost': surveyed('present', 'lost'),
        'survey.done absent, credentials lost': surveyed('absent', 'lost'),
      },
      failed: failing('failed'),
      late: late('failed'),
    }),
    spawns: ({ at, attachments: kept }) =>
      kept.map(({ attachment, recorded }) => data.childOf(attachment, at, recorded)),
  },
  ...settingUp,
  ...available,
  ...wrappingUp,
};

/** An attachment may end in any state. */
const states: Record<string, StateRule<Context>> = {
  ...Object.fromEntries(
    Object.entries(living).map(([name, rule]) => [
      name,
      { ...rule, on: { ...attachments.endings(), ...timerEndings(), ...rule.on } },
    ]),
  ),
  gone: { final: true, on: {} },
  refused: { final: true, on: {} },
  failed: { final: true, on: {} },
};

const WORLDS = [
  { label: 'present', content: 'present', credentials: 'available', isAnnounced: false },
  { label: 'absent', content: 'absent', credentials: 'available', isAnnounced: false },
  { label: 'present, announced', content: 'present', credentials: 'available', isAnnounced: true },
  { label: 'absent, announced', content: 'absent', credentials: 'available', isAnnounced: true },
  { label: 'present, credentials lost', content: 'present', credentials: 'lost', isAnnounced: false },
  { label: 'absent, credentials lost', content: 'absent', credentials: 'lost', isAnnounced: false },
];

/** Other work comes before anything is taken away. */
function isAtWork({ jobs, disposal, preStop, setup }: Context): boolean {
  return jobs.length > 0 || (disposal !== undefined && setup !== undefined && preStop === undefined);
}

export const contentSpec: Spec<Context> = {
  name: 'content-state',
  machine: contentMachine,
  states,
  starts: data.starts,
  events: {
    INIT: (at) => ({ type: 'INIT', at, request: data.request }),
    BACKUP: (at, { ticket }) => ({ type: 'BACKUP', at, ticket: ticket + 1, acceptShrink: false }),
    'BACKUP shrinking': (at, { ticket }) => ({ type: 'BACKUP', at, ticket: ticket + 1, acceptShrink: true }),
    SNAPSHOT: (at, { ticket: last }) => ({
      type: 'SNAPSHOT',
      at,
      ticket: last + 1,
      name: `snap-${last + 1}`,
    }),
    BACKUP_DUE: (at) => ({ type: 'BACKUP_DUE', at, run: at }),
    ...timerEvents,
    ...attachments.attachEvents,
    ...attachments.endEvents,
    ...attachments.strangerEvents,
    'DISPOSE backup': (at) => ({ type: 'DISPOSE', at, disposal: data.saving }),
    'DISPOSE discard': (at) => ({ type: 'DISPOSE', at, disposal: data.discarding }),
    RETRY: (at) => ({ type: 'RETRY', at }),
  },
  answers: {
    writeRecord: [{ output: (at, _, input) => written(at, input) }],
    survey: WORLDS.map(({ label, ...world }) => ({
      label,
      output: (at: number) => ({ at, ...world, jitter: data.JITTER }),
    })),
    reserve: [{ output: (at) => ({ at }) }],
    initialize: [{ output: (at) => ({ at, setup: data.setup }) }],
    seal: [{ output: (at) => ({ at }) }],
    announce: [{ output: (at) => ({ at, jitter: data.JITTER }) }],
    runJob: [{ output: (at) => ({ at, jitter: data.JITTER, reference: data.reference(at) }) }],
    runPreStop: [
      { label: 'ran', output: (at) => ({ at, report: data.preStop }) },
      { label: 'absent', output: (at) => ({ at, report: data.noPreStop }) },
    ],
    uploadLogs: [{ output: (at) => ({ at }) }],
    quiesce: [{ output: (at) => ({ at, git: data.git }) }],
    finalBackup: [{ output: (at) => ({ at, reference: data.reference(at) }) }],
    verifyBackup: [{ output: (at) => ({ at }) }],
    remove: [{ output: (at) => ({ at }) }],
  },
  key: (context) => [
    [context.recorded, context.setup === undefined, context.request?.hasSecrets, context.disposal?.backup],
    [context.jobs.map((job) => (job.kind === 'backup' ? job.origin : job.kind)), context.isTimerOn],
    // What is attached matters in its order when it comes and goes, else no more than that something is.
    isAtWork(context) ? context.attachments.length > 0 : attachments.idsOf(context),
    [context.verified, context.attempt, Math.min(context.pauses, 1)],
    [context.preStop === undefined, context.logs === undefined, context.rootFailure?.code],
    context.disposal?.backupLogs,
  ],
  children: (context) => [...attachments.idsOf(context), ...(context.isTimerOn ? ['timer:backup'] : [])],
  timing: (context) => context,
};
