import type { AttachmentStep } from '../../../machines/attachment.js';
import { vethMachine } from '../../../machines/veth-pair.js';
import type { VethContext, VethPlan, VethStep } from '../../../machines/veth-pair-setup.js';
import {
  type Happening,
  type Outcome,
  overdue,
  type Spec,
  type Start,
  type StateRule,
} from '../harness/spec.js';
import * as shared from './attachment.js';

type Context = VethContext;

const plan: VethPlan = { name: 'veth:0', pid: 4_711 };

/** Answers of the survey: what it finds, and what is to be undone then, oldest first. */
const findings: Record<string, { readonly found: VethStep[]; readonly undo: VethStep[] }> = {
  whole: {
    found: ['raise', 'configure', 'attach', 'create'],
    undo: ['create', 'attach', 'configure', 'raise'],
  },
  half: { found: ['attach', 'create'], undo: ['create', 'attach'] },
  nothing: { found: [], undo: [] },
};

/** Undoes the newest step there is, or ends where there is none. */
function unwind(undo: readonly VethStep[], change: Partial<Context>): Outcome<Context> {
  return { to: undo.length > 0 ? 'undoing' : 'recordingAbsent', change: { ...change, undo } };
}

function surveyed(name: string) {
  return ({ recorded, leaving }: Context, { at }: Happening): Outcome<Context> => {
    const wanted = recorded === 'attached' && !leaving;
    const undo = findings[name]?.undo ?? [];
    if (name === 'nothing' && wanted)
      return { to: 'recordingAbsent', change: { ...shared.missing(at), undo } };
    if (name === 'whole' && wanted) return { to: 'up', change: { at, undo } };
    if (recorded === 'attached') return { to: 'recordingRemoval', change: { at, undo } };
    return unwind(undo, { at });
  };
}

const failedStep = (context: Context, { failure }: Happening) =>
  unwind(context.undo, { at: failure.at, failure: context.failure ?? failure });
const lateStep = (context: Context, one: Happening) =>
  unwind(context.undo, { at: one.at, failure: context.failure ?? overdue(context, one) });

/** One step of setting up; from its beginning on it is on the stack. */
function making(step: VethStep, next: string): StateRule<Context> {
  return {
    enters: ({ at, undo }) => ({
      waitingFor: `the step "${step}"`,
      deadline: at + 7_000,
      undo: [...undo, step],
    }),
    runs: (context) => [{ effect: 'perform', input: { context, step } }, shared.deadline(context)],
    on: {
      'perform.done': ({ leaving, undo }, { at }) =>
        leaving ? unwind(undo, { at }) : { to: next, change: { at } },
      'perform.failed': failedStep,
      'deadline.failed': failedStep,
      'deadline.done': lateStep,
      STOP: shared.stop,
    },
  };
}

const recordingUp = shared.recording('attached', {
  done: ({ leaving }, { at }) => {
    const change = { at, recorded: 'attached' as const };
    return leaving
      ? { to: 'recordingRemoval', change }
      : { to: 'up', change, emits: [{ type: 'CONNECTED', at }] };
  },
  failed: shared.failing('undoing'),
  late: shared.late('undoing'),
});

const recordingRemoval = shared.recording('detaching', {
  done: shared.goes('undoing', { recorded: 'detaching' }),
  failed: shared.attemptFailed,
  late: shared.attemptLate,
});

const states: Record<string, StateRule<Context>> = {
  absent: {
    rests: true,
    on: {
      CONNECT: shared.goes('recordingPair'),
      STOP: shared.goes('gone', { leaving: true }),
    },
  },
  surveying: {
    enters: shared.waits('looking at the world', 6_000),
    runs: (context) => [{ effect: 'survey', input: { context } }, shared.deadline(context)],
    on: {
      'survey.done whole': surveyed('whole'),
      'survey.done half': surveyed('half'),
      'survey.done nothing': surveyed('nothing'),
      'survey.failed': shared.attemptFailed,
      ...shared.attempts,
    },
  },
  recordingPair: shared.recording('attaching', {
    done: ({ leaving }, { at }) => ({
      to: leaving ? 'recordingAbsent' : 'creating',
      change: { at, recorded: 'attaching' },
    }),
    failed: shared.failing('gone'),
    late: shared.late('gone'),
  }),
  creating: making('create', 'attaching'),
  attaching: making('attach', 'configuring'),
  configuring: making('configure', 'raising'),
  raising: making('raise', 'recordingUp'),
  recordingUp,
  up: { rests: true, on: { STOP: shared.goes('recordingRemoval', { leaving: true }) } },
  recordingRemoval: {
    ...recordingRemoval,
    on: {
      ...recordingRemoval.on,
      'writeRecord.done': ({ undo }, { at }) => unwind(undo, { at, recorded: 'detaching' }),
    },
  },
  undoing: {
    enters: ({ at, undo }) => ({ waitingFor: `undoing "${undo.at(-1)}"`, deadline: at + 8_000 }),
    runs: (context) => [
      { effect: 'undo', input: { context, step: context.undo.at(-1), force: context.attempt === 2 } },
      shared.deadline(context),
    ],
    on: {
      'undo.done': ({ undo, attempt, how }, { at }) =>
        unwind(undo.slice(0, -1), { at, how: attempt === 2 ? 'forced' : how }),
      'undo.failed': shared.attemptFailed,
      ...shared.attempts,
    },
  },
  ...shared.ending,
};

function start(recorded?: AttachmentStep): Start<Context> {
  const at = 1_000;
  const context: Context = { ...shared.beginning(at, recorded), plan, undo: [] };
  if (recorded === undefined) {
    return {
      name: 'new',
      input: { plan, limits: shared.limits, instance: shared.instance, at },
      state: 'absent',
      context,
    };
  }
  const input = { plan, limits: shared.limits, instance: shared.instance, at, recorded };
  return { name: `back as ${recorded}`, input, state: 'surveying', context };
}

export const vethSpec: Spec<Context> = {
  name: 'veth-pair',
  machine: vethMachine,
  states,
  starts: [start(), start('attaching'), start('attached'), start('detaching'), start('absent')],
  events: { CONNECT: (at) => shared.event('CONNECT', at), STOP: (at) => shared.event('STOP', at) },
  answers: {
    writeRecord: [{ output: (at, _, input) => shared.written(at, input) }],
    survey: Object.entries(findings).map(([label, { found }]) => ({
      label,
      output: (at: number) => ({ at, found }),
    })),
    perform: [{ output: (at) => ({ at }) }],
    undo: [{ output: (at) => ({ at }) }],
  },
  key: (context) => [...shared.keyOf(context), context.undo],
  output: shared.output,
  timing: (context) => context,
};
