import { lifeMachine } from '../../../machines/instance-life.js';
import type { Answer, Happening, Outcome, Running, Spec } from '../harness/spec.js';
import {
  askedToStop,
  type Context,
  commandEnded,
  ENDS,
  failing,
  GIT,
  GRACES,
  isForOthers,
  isOver,
  isSaved,
  kept,
  METRICS,
  overdue,
  PAUSES,
  type Rule,
  timedOut,
  told,
} from './instance-life-data.js';
import { starts } from './instance-life-starts.js';

/** What ends it, wherever it does: `to` the beginning of the end. */
const ending: Rule['on'] = {
  'STOP normally': (c, { at }) => ({ to: 'stopping.recordingStop', change: askedToStop(c, 'normally', at) }),
  'STOP immediately': (c, { at }) => ({
    to: 'stopping.recordingStop',
    change: askedToStop(c, 'immediately', at),
  }),
  'STOP abort': (c, { at }) => ({ to: 'stopping.recordingStop', change: askedToStop(c, 'abort', at) }),
  TIMEOUT: (c, { at }) => ({ to: 'stopping.recordingStop', change: timedOut(c, at) }),
};

/** What is to end it is taken note of where something under way has to be awaited first. */
const noted: Rule['on'] = {
  'STOP normally': (c, { at }) => ({ change: askedToStop(c, 'normally', at) }),
  'STOP immediately': (c, { at }) => ({ change: askedToStop(c, 'immediately', at) }),
  'STOP abort': (c, { at }) => ({ change: askedToStop(c, 'abort', at) }),
  TIMEOUT: (c, { at }) => ({ change: timedOut(c, at) }),
};

/** On the way out only what asks for more counts: the first stop, a shorter grace, an abort, the first timeout. */
const isEarlier = (c: Context, killAt: number) => c.stop === undefined || killAt < (c.killAt ?? Infinity);
const harder: Rule['on'] = {
  'STOP normally': (c, one) =>
    isEarlier(c, one.at + 30_000) ? ending['STOP normally']?.(c, one) : undefined,
  'STOP immediately': (c, one) =>
    isEarlier(c, one.at + 1_000) ? ending['STOP immediately']?.(c, one) : undefined,
  'STOP abort': (c, one) =>
    isEarlier(c, one.at + 1_000) || !(c.stop?.aborted ?? false) ? ending['STOP abort']?.(c, one) : undefined,
  TIMEOUT: (c, one) => (c.timedOut === '' ? ending['TIMEOUT']?.(c, one) : undefined),
};

const broken: Rule['on'] = { 'deadline.failed': () => ({ to: 'failed', change: {} }) };

const deadline = (c: Context): Running => ({ effect: 'deadline', input: { at: c.deadline } });
const effects = (effect: string) => (c: Context) => [{ effect, input: { context: c } }, deadline(c)];

const waiting = (waitingFor: string, milliseconds: number) => (c: Context) => ({
  waitingFor,
  deadline: c.at + milliseconds,
});

/** Nothing that is announced happens before it is on disk; a disk that does not answer ends this run. */
function recording(next: string, enters: Partial<Context>, on: Rule['on'], otherwise = 'failed'): Rule {
  return {
    enters: (c) => ({ ...enters, ...waiting('writing the record', 5_000)(c) }),
    runs: effects('writeRecord'),
    on: {
      ...on,
      ...broken,
      'writeRecord.done': (_, { at }) => ({ to: next, change: { at, recorded: true } }),
      'writeRecord.failed': () => ({ to: otherwise, change: {} }),
      'deadline.done': () => ({ to: otherwise, change: {} }),
    },
  };
}

/** A step of the start, which nothing else may follow when it fails or takes too long. */
function starting(
  effect: string,
  wait: readonly [string, number],
  done: (c: Context, at: number) => Outcome<Context>,
  what: string,
  failed: Partial<Context> = {},
): Rule {
  const end = (c: Context, reason: string, at: number) => ({
    to: 'stopping.recordingStop',
    change: { ...failed, ...failing(c, reason, at) },
  });
  return {
    enters: waiting(...wait),
    runs: effects(effect),
    on: {
      ...ending,
      ...broken,
      [`${effect}.done`]: (c, { at }) => done(c, at),
      [`${effect}.failed`]: (c, one) => end(c, told(what, one), one.at),
      'deadline.done': (c, one) => end(c, overdue(what, c), one.at),
    },
  };
}

function troubled(c: Context, message: string, at: number, jitter: number): Outcome<Context> {
  const full = PAUSES[Math.min(c.pauses, PAUSES.length - 1)] ?? 0;
  const retryAt = at + full - (full / 2) * jitter;
  return { to: 'stopping.recordingTrouble', change: { at, message, retryAt, pauses: c.pauses + 1 } };
}

/** Entering the end from anywhere notes when that was. */
const since = (c: Context) => ({ stoppingAt: c.stoppingAt ?? c.at });
const within = (rule: Rule): Rule => ({ ...rule, enters: (c) => ({ ...since(c), ...rule.enters?.(c) }) });

const CONTENTS = ['present', 'absent', 'unknown'] as const;
const CREDENTIALS = ['available', 'lost'] as const;

/** Where one goes that comes back, by what it recorded and what is there. */
function recovered(
  c: Context,
  content: (typeof CONTENTS)[number],
  credentials: (typeof CREDENTIALS)[number],
  at: number,
): Outcome<Context> {
  const stopping = (reason: string) => ({ to: 'stopping.recordingStop', change: failing(c, reason, at) });
  if (isOver(c)) return { to: 'stopping.recordingStop', change: { at } };
  if (c.content === 'ready' && content === 'absent') return stopping('the content is gone from its node');
  if (c.command.state === 'running') return { to: 'running', change: { at } };
  if (credentials === 'lost') return stopping('credentials-lost: the secrets of the start did not survive');
  if (c.content === 'ready') return { to: 'initializing.startingCommand', change: { at } };
  if (c.deployed) return { to: 'initializing.settingUp', change: { at } };
  return { to: c.begun ? 'creating.preparing' : 'creating.recordingBegun', change: { at } };
}

const surveys = CONTENTS.flatMap((content) =>
  CREDENTIALS.map((credentials) => ({ content, credentials, label: `${content}, ${credentials}` })),
);

const states: Record<string, Rule> = {
  pending: {
    enters: waiting('writing the record', 5_000),
    runs: effects('writeRecord'),
    on: {
      ...noted,
      ...broken,
      'writeRecord.done': (c, { at }) => ({
        to: isOver(c) ? 'stopping.recordingStop' : 'creating.recordingBegun',
        change: { at, recorded: true },
      }),
      'writeRecord.failed': () => ({ to: 'refused', change: {} }),
      'deadline.done': () => ({ to: 'refused', change: {} }),
    },
    records: true,
  },
  recovering: {
    enters: waiting('looking at the world', 6_000),
    runs: effects('survey'),
    on: {
      ...broken,
      ...Object.fromEntries(
        surveys.map(({ label, content, credentials }) => [
          `survey.done ${label}`,
          (c: Context, { at }: Happening) => recovered(c, content, credentials, at),
        ]),
      ),
      'survey.failed': (c) => ({ to: isOver(c) ? 'stopping.recordingStop' : 'failed', change: {} }),
      'deadline.done': () => ({ to: 'failed', change: {} }),
      ...noted,
    },
  },
  'creating.recordingBegun': recording('creating.preparing', { begun: true }, ending),
  'creating.preparing': starting(
    'prepare',
    ['reaching the daemon', 70_000],
    (_, at) => ({ to: 'initializing.recordingDeployed', change: { at } }),
    'the node cannot be reached',
  ),
  'initializing.recordingDeployed': recording('initializing.settingUp', { deployed: true }, ending),
  'initializing.settingUp': starting(
    'initContent',
    ['setting up the content', 80_000],
    (_, at) => ({
      to: 'initializing.recordingReady',
      change: { at, content: 'ready', setUp: METRICS, message: '' },
    }),
    'content initialization failed',
    { content: 'failed' },
  ),
  'initializing.recordingReady': recording('initializing.startingCommand', {}, ending),
  'initializing.startingCommand': starting(
    'startCommand',
    ['starting the command', 9_000],
    (_, at) => ({ to: 'initializing.recordingRunning', change: { at } }),
    "the workspace's command could not be started",
  ),
  'initializing.recordingRunning': recording('running', { command: { state: 'running' } }, ending),
  running: {
    lasts: true,
    runs: (c) => [{ effect: 'awaitEnd', input: { context: c } }],
    on: {
      ...ending,
      ...Object.fromEntries(
        Object.entries(ENDS).map(([label, end]) => [
          `awaitEnd.done ${label}`,
          (c: Context, { at }: Happening) => ({
            to: 'stopping.recordingStop',
            change: commandEnded(c, end, at),
          }),
        ]),
      ),
      'awaitEnd.failed': () => ({ to: 'failed', change: {} }),
    },
  },
  'stopping.recordingStop': within(recording('stopping.endingCommand', {}, harder)),
  'stopping.endingCommand': within({
    enters: (c) => ({
      waitingFor: 'ending the command',
      deadline: Math.max(c.at, c.killAt ?? c.at) + 10_000,
    }),
    runs: effects('stopCommand'),
    on: {
      ...harder,
      ...broken,
      ...Object.fromEntries(
        [...Object.entries(ENDS), ['nothing', undefined] as const].map(([label, end]) => [
          `stopCommand.done ${label}`,
          (c: Context, { at }: Happening) => ({
            to: isForOthers(c) ? 'stopping.snapshotting' : 'stopping.disposing',
            change: commandEnded(c, end, at),
          }),
        ]),
      ),
      'stopCommand.failed': (c, one) =>
        troubled(c, told('the command does not end', one), one.at, one.failure.jitter),
      'deadline.done': (c, { at }) => troubled(c, overdue('the command does not end', c), at, 0),
    },
  }),
  'stopping.snapshotting': within({
    enters: waiting('the snapshot', 11_000),
    runs: effects('takeSnapshot'),
    on: {
      ...harder,
      ...broken,
      'takeSnapshot.done': (_, { at }) => ({
        to: 'stopping.recordingSnapshot',
        change: { at, snapshot: 'a-snapshot' },
      }),
      'takeSnapshot.failed': (_, one) => ({
        to: 'stopping.disposing',
        change: { at: one.at, message: told('no snapshot was made', one) },
      }),
      'deadline.done': (c, { at }) => ({
        to: 'stopping.disposing',
        change: { at, message: overdue('no snapshot was made', c) },
      }),
    },
  }),
  'stopping.recordingSnapshot': within(recording('stopping.disposing', {}, harder)),
  'stopping.disposing': within({
    enters: (c) => waiting(isSaved(c) ? 'the final backup' : 'removing the content', 90_000)(c),
    runs: (c) => [{ effect: 'disposeContent', input: { context: c, backup: isSaved(c) } }, deadline(c)],
    on: {
      ...harder,
      ...broken,
      ...Object.fromEntries(
        (['backed-up', 'discarded', 'lost'] as const).map((outcome) => [
          `disposeContent.done ${outcome}`,
          (c: Context, { at }: Happening) => ({
            to: 'stopping.recordingOutcome',
            change: {
              ...(outcome === 'lost'
                ? failing(c, 'backup failed: the content was gone before it was saved', at)
                : { at }),
              disposal: outcome,
              gitStatus: outcome === 'backed-up' ? GIT : undefined,
              message: '',
              pauses: 0,
            },
          }),
        ]),
      ),
      'disposeContent.failed': (c, one) => troubled(c, told(kept(c), one), one.at, one.failure.jitter),
      'deadline.done': (c, { at }) => troubled(c, overdue(kept(c), c), at, 0),
    },
  }),
  'stopping.recordingTrouble': within(recording('stopping.pausing', {}, harder)),
  'stopping.pausing': within({
    rests: true,
    enters: (c) => ({ waitingFor: 'the next attempt', deadline: c.retryAt }),
    runs: (c) => [deadline(c)],
    on: {
      ...harder,
      ...broken,
      'deadline.done': (_, { at }) => ({ to: 'stopping.endingCommand', change: { at } }),
    },
  }),
  'stopping.recordingOutcome': within(recording('stopped', {}, {})),
  stopped: { final: true, on: {} },
  refused: { final: true, on: {} },
  failed: { final: true, on: {} },
};

export const lifeSpec: Spec<Context> = {
  name: 'instance-life',
  machine: lifeMachine,
  states,
  starts,
  events: {
    'STOP normally': (at) => stop(at, GRACES.normally, false),
    'STOP immediately': (at) => stop(at, GRACES.immediately, false),
    'STOP abort': (at) => stop(at, GRACES.abort, true),
    TIMEOUT: (at) => event({ type: 'TIMEOUT', at, reason: 'took too long', graceMs: GRACES.timeout }),
  },
  answers: {
    writeRecord: [{ output: (at) => ({ at }) }],
    survey: surveys.map(({ label, content, credentials }) => ({
      label,
      output: (at) => ({ at, content, credentials }),
    })),
    prepare: [{ output: (at) => ({ at }) }],
    initContent: [{ output: (at) => ({ at, metrics: METRICS }) }],
    startCommand: [{ output: (at) => ({ at }) }],
    awaitEnd: Object.entries(ENDS).map(([label, end]) => ({ label, output: (at) => ({ at, end }) })),
    stopCommand: [...Object.entries(ENDS), ['nothing', undefined] as const].map(
      ([label, end]): Answer<Context> => ({ label, output: (at) => ({ at, end }) }),
    ),
    takeSnapshot: [{ output: (at) => ({ at, url: 'a-snapshot' }) }],
    disposeContent: (['backed-up', 'discarded', 'lost'] as const).map((outcome) => ({
      label: outcome,
      output: (at) => ({ at, outcome, git: outcome === 'backed-up' ? GIT : undefined }),
    })),
  },
  key: (c) => [
    [c.kind, c.begun, c.deployed, c.content, c.command.state, c.disposal, c.waitingFor, c.snapshot],
    [c.stop?.aborted, c.stop?.graceMs, c.timedOut !== '', c.failure !== '', c.killAt !== undefined],
    // Pauses grow alike whatever ended it; so that situations stay few, it is followed up in one case.
    Math.min(c.pauses, c.stop === undefined && c.timedOut === '' ? PAUSES.length : 1),
  ],
  timing: ({ at, deadline: until }) => ({ at, deadline: until }),
};

function stop(at: number, graceMs: number, aborted: boolean) {
  return event({ type: 'STOP', at, request: { graceMs, aborted } });
}

/** Keeps what an event is while its type becomes that of any event. */
function event<Event extends { readonly type: string }>(one: Event): Event {
  return one;
}
