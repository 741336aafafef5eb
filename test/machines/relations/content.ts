import { contentMachine } from '../../../machines/content-state.js';
import type {
  ContentContext,
  Disposal,
  Failure,
  JobResult,
  Survey,
} from '../../../machines/content-types.js';
import {
  type Happening,
  type Outcome,
  overdue,
  type Running,
  type Spec,
  type StateRule,
} from '../harness/spec.js';
import { written } from './attachment.js';
import * as attachments from './content-attachments.js';
import * as data from './content-data.js';

type Context = ContentContext;
type Change = Partial<Context>;
type Rule = (context: Context, happening: Happening) => Outcome<Context> | undefined;

/** Goes to a state, keeping the time. */
const to =
  (state: string): Rule =>
  (_, { at }) => ({ to: state, change: { at } });

const failing =
  (state: string): Rule =>
  (_, { failure }) => ({ to: state, change: { at: failure.at, failure } });

const late =
  (state: string): Rule =>
  (context, one) => ({ to: state, change: { at: one.at, failure: overdue(context, one) } });

/** WRAPPING_UP begins, or goes on. */
function wrapUp(context: Context, change: Change): Outcome<Context> {
  const next = { ...context, ...change };
  const isUnderWay = next.recorded === 'wrapping-up' || next.recorded === 'removing';
  const since = isUnderWay ? next.since : next.at;
  return { to: 'wrappingUp.recordingWrapUp', change: { ...change, since } };
}

const giveUpSetup: Rule = (context, { failure }) =>
  wrapUp(context, { at: failure.at, failure, setup: undefined });
const giveUpLateSetup: Rule = (context, one) =>
  wrapUp(context, { at: one.at, failure: overdue(context, one), setup: undefined });

/** The first Dispose decides, later ones may only add to it. */
function joined({ disposal }: Pick<Context, 'disposal'>, next: Disposal): Disposal {
  if (disposal === undefined) return next;
  return {
    backup: disposal.backup || next.backup,
    backupLogs: disposal.backupLogs || next.backupLogs,
    reason: disposal.reason,
  };
}

/** Both kinds of Dispose. */
function disposed(
  rule: (context: Context, at: number, disposal: Disposal) => Outcome<Context>,
): Record<string, Rule> {
  return {
    'DISPOSE backup': (context, { at }) => rule(context, at, data.saving),
    'DISPOSE discard': (context, { at }) => rule(context, at, data.discarding),
  };
}

/** In WRAPPING_UP, until removal is recorded. */
const joins = disposed((context, at, next) => ({ change: { at, disposal: joined(context, next) } }));

/** While the content is being set up: what there is of it is thrown away. */
const abandons = disposed((context, at, next) =>
  wrapUp(context, { at, disposal: joined(context, next), setup: undefined }),
);

/** Once it is complete, it is not. */
const leaves = disposed((context, at, next) => wrapUp(context, { at, disposal: joined(context, next) }));

/** A state that waits for one effect. */
function waiting(
  effect: string,
  options: {
    readonly says: string;
    readonly milliseconds: number;
    readonly on: Record<string, Rule>;
    readonly failed: Rule;
    readonly late: Rule;
    /** What a broken deadline leads to, where that is not what a failed effect leads to. */
    readonly broken?: Rule;
    readonly enters?: (context: Context) => Change;
    readonly input?: (context: Context) => object;
  },
): StateRule<Context> {
  const { says, milliseconds, on, failed, enters, input } = options;
  return {
    enters: (context) => ({ ...enters?.(context), waitingFor: says, deadline: context.at + milliseconds }),
    runs: (context) => [{ effect, input: { context, ...input?.(context) } }, deadline(context)],
    on: {
      [`${effect}.failed`]: failed,
      'deadline.done': options.late,
      'deadline.failed': options.broken ?? failed,
      ...on,
    },
  };
}

function recording(
  step: string,
  options: Omit<Parameters<typeof waiting>[1], 'says' | 'milliseconds'>,
): StateRule<Context> {
  return waiting('writeRecord', {
    ...options,
    says: 'writing the record',
    milliseconds: 1_100,
    input: (context) => ({ ...options.input?.(context), step }),
  });
}

function deadline(context: Context): Running {
  return { effect: 'deadline', input: { at: context.deadline } };
}

/** Where content in use is, by whether anybody waits for a job. */
function atRest(context: Context, change: Change): Outcome<Context> {
  const { jobs } = { ...context, ...change };
  return { to: jobs.length > 0 ? 'available.recordingJob' : 'available.idle', change };
}

/** The job at the front is over. */
function jobOver(context: Context, at: number, result: Omit<JobResult, 'job' | 'at'>): Change {
  const [job, ...jobs] = context.jobs;
  if (job === undefined) throw new Error('no job was under way');
  const results = [...context.results, { job, at, ...result }].slice(-2);
  return { at, jobs, results };
}

const jobFailed =
  (leave: (context: Context, change: Change) => Outcome<Context>): Rule =>
  (context, { failure }) =>
    leave(context, jobOver(context, failure.at, { failure }));

const jobLate =
  (leave: (context: Context, change: Change) => Outcome<Context>): Rule =>
  (context, one) =>
    leave(context, jobOver(context, one.at, { failure: overdue(context, one) }));

const toResult = (_: Context, change: Change) => ({ to: 'available.recordingResult', change });

/** BACKUP and SNAPSHOT while there is room; what is asked for in rest begins. */
function queueing(begins: boolean): Record<string, Rule> {
  const queue = (context: Context, at: number, name?: string): Outcome<Context> | undefined => {
    if (context.jobs.length >= 2) return undefined;
    const ticket = context.ticket + 1;
    const job =
      name === undefined ? { kind: 'backup' as const, ticket } : { kind: 'snapshot' as const, ticket, name };
    const change = { at, ticket, jobs: [...context.jobs, job] };
    return begins ? atRest(context, change) : { change };
  };
  return {
    BACKUP: (context, { at }) => queue(context, at),
    SNAPSHOT: (context, { at }) => queue(context, at, 'snap'),
    ...attachments.attaches,
    ...leaves,
  };
}

/** After everything under way has ended: attachments, then the backup, then removal. */
function disconnect(context: Context, change: Change): Outcome<Context> {
  const { attachments: living, setup, disposal, recorded, verified } = { ...context, ...change };
  if (living.length > 0) return { to: 'wrappingUp.detaching', change };
  if (recorded === 'removing') return { to: 'wrappingUp.removing', change };
  if (verified) return { to: 'wrappingUp.recordingRemoval', change };
  if (setup === undefined || disposal?.backup === false) return { to: 'wrappingUp.recordingRemoval', change };
  return { to: disposal === undefined ? 'failed' : 'wrappingUp.backingUp', change };
}

/** An attempt of the final backup came to nothing; only a passing cause is worth another one at once. */
function weigh(context: Context, failure: Failure): Outcome<Context> {
  const attempt = context.attempt + 1;
  const change = { at: failure.at, failure, attempt, finalBackup: undefined, verified: false };
  return {
    to: failure.retryable && attempt < 2 ? 'wrappingUp.pausing' : 'wrappingUp.recordingStranded',
    change,
  };
}

const attempts = {
  failed: (context: Context, { failure }: Happening) => weigh(context, failure),
  late: (context: Context, one: Happening) => weigh(context, overdue(context, one)),
};

/** A wait between attempts, whatever the others are called. */
function pause(says: string, next: string, on: Record<string, Rule>): StateRule<Context> {
  return {
    rests: true,
    enters: ({ at, pauses, failure }) => {
      const whole = data.PAUSES[Math.min(pauses, data.PAUSES.length - 1)] ?? 0;
      const deadline = at + whole / 2 + (whole / 2) * (failure?.jitter ?? 0);
      return { waitingFor: says, deadline, pauses: pauses + 1 };
    },
    runs: (context) => [deadline(context)],
    on: { 'deadline.done': to(next), 'deadline.failed': failing(next), ...on },
  };
}

function surveyed(content: Survey['content'], credentials: Survey['credentials'], isAnnounced = false): Rule {
  return (context, { at }) => {
    const { recorded, setup, verified, request, disposal } = context;
    const needed = recorded === 'available' || (recorded === 'wrapping-up' && !verified);
    if (needed && setup !== undefined && content === 'absent') {
      const message = 'the content folder is gone; the last committed backup is what is left';
      const failure: Failure = { at, code: 'content-missing', message, retryable: false, jitter: 0 };
      return wrapUp(context, {
        ...{ at, failure },
        disposal: { backup: false, backupLogs: false, reason: message },
      });
    }
    if (recorded === 'wrapping-up') return wrapUp(context, { at });
    if (recorded === 'removing') return disconnect(context, { at });
    if (recorded === 'available' && disposal !== undefined) return wrapUp(context, { at });
    if (disposal !== undefined) return wrapUp(context, { at, setup: undefined });
    if (recorded === 'available' && isAnnounced) return atRest(context, { at });
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
    on: { ...leaves, 'announce.done': (context, { at }) => atRest(context, { at }) },
    failed: failing('failed'),
    late: late('failed'),
  }),
};

const available: Record<string, StateRule<Context>> = {
  'available.idle': { rests: true, on: queueing(true) },
  'available.recordingJob': recording('available', {
    on: {
      ...queueing(false),
      'writeRecord.done': (_, { at }) => ({ to: 'available.working', change: { at, recorded: 'available' } }),
    },
    failed: jobFailed(atRest),
    late: jobLate(atRest),
  }),
  'available.working': waiting('runJob', {
    says: 'the backup or snapshot',
    milliseconds: 1_800,
    input: ({ jobs }) => ({ job: jobs[0] }),
    on: {
      ...queueing(false),
      'runJob.done': (context, { at }) => {
        const reference = data.reference(at);
        const lastBackup = context.jobs[0]?.kind === 'backup' ? reference : context.lastBackup;
        return toResult(context, { ...jobOver(context, at, { reference }), lastBackup });
      },
    },
    failed: jobFailed(toResult),
    late: jobLate(toResult),
  }),
  'available.recordingResult': recording('available', {
    on: {
      ...queueing(false),
      'writeRecord.done': (context, { at }) => atRest(context, { at, recorded: 'available' }),
    },
    failed: (context, { failure }) => atRest(context, { at: failure.at, failure }),
    late: (context, one) => atRest(context, { at: one.at, failure: overdue(context, one) }),
  }),
};

const retries = { failed: failing('wrappingUp.retrying'), late: late('wrappingUp.retrying') };
const retriesRemoval = {
  failed: failing('wrappingUp.retryingRemoval'),
  late: late('wrappingUp.retryingRemoval'),
};

const wrappingUp: Record<string, StateRule<Context>> = {
  'wrappingUp.recordingWrapUp': recording('wrapping-up', {
    enters: () => ({ attempt: 0 }),
    on: {
      ...joins,
      'writeRecord.done': (context, { at }) => {
        const change = { at, recorded: 'wrapping-up' as const };
        return context.verified ? disconnect(context, change) : { to: 'wrappingUp.quiescing', change };
      },
    },
    ...retries,
  }),
  'wrappingUp.quiescing': waiting('quiesce', {
    says: 'ending all work',
    milliseconds: 1_600,
    enters: ({ at, jobs, results }) => {
      const message = 'the content is being wrapped up';
      const failure: Failure = { at, code: 'wrong-state', message, retryable: false, jitter: 0 };
      return { jobs: [], results: [...results, ...jobs.map((job) => ({ job, at, failure }))].slice(-2) };
    },
    on: { ...joins, 'quiesce.done': (context, { at }) => disconnect(context, { at, gitStatus: data.git }) },
    failed: (context, { failure }) => disconnect(context, { at: failure.at, failure }),
    late: (context, one) => disconnect(context, { at: one.at, failure: overdue(context, one) }),
  }),
  'wrappingUp.detaching': {
    enters: (context) => ({
      waitingFor: `the end of ${attachments.leaving(context)}`,
      deadline: context.at + 1_700,
    }),
    sends: (context) => [{ to: attachments.leaving(context), event: { type: 'STOP', at: context.at } }],
    runs: (context) => [deadline(context)],
    on: {
      ...joins,
      ...attachments.endings(disconnect),
      'deadline.done': (context, one) =>
        disconnect(context, {
          at: one.at,
          failure: overdue(context, one),
          ...attachments.without(context, attachments.leaving(context)),
        }),
      'deadline.failed': (context, { failure }) =>
        disconnect(context, {
          ...{ at: failure.at, failure },
          ...attachments.without(context, attachments.leaving(context)),
        }),
    },
  },
  'wrappingUp.backingUp': waiting('finalBackup', {
    says: 'the final backup',
    milliseconds: 1_800,
    on: {
      ...joins,
      'finalBackup.done': (_, { at }) => ({
        to: 'wrappingUp.verifying',
        change: { at, finalBackup: data.reference(at), verified: false },
      }),
    },
    ...attempts,
  }),
  'wrappingUp.verifying': waiting('verifyBackup', {
    says: 'verifying the backup',
    milliseconds: 1_900,
    on: {
      ...joins,
      'verifyBackup.done': ({ finalBackup }, { at }) => ({
        to: 'wrappingUp.recordingBackup',
        change: { at, verified: true, lastBackup: finalBackup, failure: undefined },
      }),
    },
    ...attempts,
  }),
  'wrappingUp.pausing': pause('the next attempt of the final backup', 'wrappingUp.backingUp', joins),
  'wrappingUp.recordingBackup': recording('wrapping-up', {
    on: {
      ...joins,
      'writeRecord.done': (_, { at }) => ({
        to: 'wrappingUp.recordingRemoval',
        change: { at, recorded: 'wrapping-up' },
      }),
    },
    ...retries,
  }),
  'wrappingUp.recordingRemoval': recording('removing', {
    on: {
      'writeRecord.done': (_, { at }) => ({
        to: 'wrappingUp.removing',
        change: { at, recorded: 'removing' },
      }),
    },
    ...retries,
  }),
  'wrappingUp.removing': waiting('remove', {
    says: 'removing',
    milliseconds: 2_000,
    on: { 'remove.done': to('wrappingUp.recordingGone') },
    ...retriesRemoval,
  }),
  'wrappingUp.recordingGone': recording('gone', {
    on: { 'writeRecord.done': (_, { at }) => ({ to: 'gone', change: { at, recorded: 'gone' } }) },
    ...retriesRemoval,
  }),
  'wrappingUp.recordingStranded': recording('wrapping-up', {
    on: {
      ...joins,
      'writeRecord.done': (_, { at }) => ({
        to: 'wrappingUp.stranded',
        change: { at, recorded: 'wrapping-up' },
      }),
    },
    failed: (_, __) => ({ to: 'wrappingUp.stranded', change: {} }),
    broken: failing('wrappingUp.stranded'),
    late: to('wrappingUp.stranded'),
  }),
  'wrappingUp.stranded': pause('the next attempt to save the content', 'wrappingUp.recordingWrapUp', {
    'DISPOSE backup': (context, { at }) => ({
      to: 'wrappingUp.recordingWrapUp',
      change: { at, disposal: joined(context, data.saving) },
    }),
    'DISPOSE discard': (_, { at }) => ({
      to: 'wrappingUp.recordingRemoval',
      change: {
        ...{ at, disposal: data.discarding },
        ...{ failure: undefined, finalBackup: undefined, verified: false },
      },
    }),
    BACKUP: to('wrappingUp.recordingWrapUp'),
    RETRY: to('wrappingUp.recordingWrapUp'),
  }),
  'wrappingUp.retrying': pause('the next attempt to write the record', 'wrappingUp.recordingWrapUp', {
    ...disposed((context, at, next) => ({
      to: 'wrappingUp.recordingWrapUp',
      change: { at, disposal: joined(context, next) },
    })),
    RETRY: to('wrappingUp.recordingWrapUp'),
  }),
  'wrappingUp.retryingRemoval': pause('the next attempt to remove the content', 'wrappingUp.removing', {
    ...disposed((_, at) => ({ to: 'wrappingUp.removing', change: { at } })),
    RETRY: to('wrappingUp.removing'),
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
      { ...rule, on: { ...attachments.endings(), ...rule.on } },
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

export const contentSpec: Spec<Context> = {
  name: 'content-state',
  machine: contentMachine,
  states,
  starts: data.starts,
  events: {
    INIT: (at) => ({ type: 'INIT', at, request: data.request }),
    BACKUP: (at, { ticket }) => ({ type: 'BACKUP', at, ticket: ticket + 1 }),
    SNAPSHOT: (at, { ticket }) => ({ type: 'SNAPSHOT', at, ticket: ticket + 1, name: 'snap' }),
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
      output: (at: number) => ({ at, ...world }),
    })),
    reserve: [{ output: (at) => ({ at }) }],
    initialize: [{ output: (at) => ({ at, setup: data.setup }) }],
    seal: [{ output: (at) => ({ at }) }],
    announce: [{ output: (at) => ({ at }) }],
    runJob: [{ output: (at) => ({ at, reference: data.reference(at) }) }],
    quiesce: [{ output: (at) => ({ at, git: data.git }) }],
    finalBackup: [{ output: (at) => ({ at, reference: data.reference(at) }) }],
    verifyBackup: [{ output: (at) => ({ at }) }],
    remove: [{ output: (at) => ({ at }) }],
  },
  key: (context) => [
    [context.recorded, context.setup === undefined, context.request?.hasSecrets, context.disposal?.backup],
    [context.jobs.map(({ kind }) => kind), attachments.idsOf(context), context.verified],
    [context.attempt, Math.min(context.pauses, 1)],
  ],
  children: attachments.idsOf,
  timing: (context) => context,
};
