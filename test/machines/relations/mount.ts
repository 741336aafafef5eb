import type { AttachmentStep } from '../../../machines/attachment.js';
import { mountMachine } from '../../../machines/mount.js';
import type { MountContext, MountPlan } from '../../../machines/mount-setup.js';
import type { Happening, Outcome, Spec, Start, StateRule } from '../harness/spec.js';
import * as shared from './attachment.js';

type Context = MountContext;

const plan: MountPlan = { name: 'proc:/proc', type: 'proc', target: '/proc' };

/** Where the world and the record agree to go. */
function surveyed(found: 'whole' | 'partial' | 'nothing') {
  return ({ recorded, leaving }: Context, { at }: Happening): Outcome<Context> => {
    const wanted = recorded === 'attached' && !leaving;
    if (found === 'nothing') return { to: 'recordingAbsent', change: wanted ? shared.missing(at) : { at } };
    if (found === 'whole' && wanted) return { to: 'mounted', change: { at } };
    return { to: recorded === 'attached' ? 'recordingUnmount' : 'unmounting', change: { at } };
  };
}

const states: Record<string, StateRule<Context>> = {
  absent: {
    rests: true,
    on: {
      MOUNT: shared.goes('recordingMount'),
      STOP: shared.goes('gone', { leaving: true }),
    },
  },
  surveying: {
    enters: shared.waits('looking at the world', 6_000),
    runs: (context) => [{ effect: 'survey', input: { context } }, shared.deadline(context)],
    on: {
      'survey.done whole': surveyed('whole'),
      'survey.done partial': surveyed('partial'),
      'survey.done nothing': surveyed('nothing'),
      'survey.failed': shared.attemptFailed,
      ...shared.attempts,
    },
  },
  recordingMount: shared.recording('attaching', {
    done: ({ leaving }, { at }) => ({
      to: leaving ? 'recordingAbsent' : 'mounting',
      change: { at, recorded: 'attaching' },
    }),
    failed: shared.failing('gone'),
    late: shared.late('gone'),
  }),
  mounting: {
    enters: shared.waits('mounting', 7_000),
    runs: (context) => [{ effect: 'mount', input: { context } }, shared.deadline(context)],
    on: {
      'mount.done': ({ leaving }, { at }) => ({
        to: leaving ? 'unmounting' : 'recordingMounted',
        change: { at },
      }),
      'mount.failed': shared.failing('unmounting'),
      'deadline.failed': shared.failing('unmounting'),
      'deadline.done': shared.late('unmounting'),
      STOP: shared.stop,
    },
  },
  recordingMounted: shared.recording('attached', {
    done: ({ leaving }, { at }) => {
      const change = { at, recorded: 'attached' as const };
      return leaving
        ? { to: 'recordingUnmount', change }
        : { to: 'mounted', change, emits: [{ type: 'MOUNTED', at }] };
    },
    failed: shared.failing('unmounting'),
    late: shared.late('unmounting'),
  }),
  mounted: { rests: true, on: { STOP: shared.goes('recordingUnmount', { leaving: true }) } },
  recordingUnmount: shared.recording('detaching', {
    done: shared.goes('unmounting', { recorded: 'detaching' }),
    failed: shared.attemptFailed,
    late: shared.attemptLate,
  }),
  unmounting: {
    enters: shared.waits('unmounting', 8_000),
    runs: (context) => [
      { effect: 'unmount', input: { context, force: context.attempt === 2 } },
      shared.deadline(context),
    ],
    on: {
      'unmount.done': ({ attempt, how }, { at }) => ({
        to: 'recordingAbsent',
        change: { at, how: attempt === 2 ? 'forced' : how },
      }),
      'unmount.failed': shared.attemptFailed,
      ...shared.attempts,
    },
  },
  ...shared.ending,
};

function start(recorded?: AttachmentStep): Start<Context> {
  const at = 1_000;
  const context = { ...shared.beginning(at, recorded), plan };
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

export const mountSpec: Spec<Context> = {
  name: 'mount',
  machine: mountMachine,
  states,
  starts: [start(), start('attaching'), start('attached'), start('detaching'), start('absent')],
  events: { MOUNT: (at) => shared.event('MOUNT', at), STOP: (at) => shared.event('STOP', at) },
  answers: {
    writeRecord: [{ output: (at, _, input) => shared.written(at, input) }],
    survey: (['whole', 'partial', 'nothing'] as const).map((found) => ({
      label: found,
      output: (at: number) => ({ at, found }),
    })),
    mount: [{ output: (at) => ({ at }) }],
    unmount: [{ output: (at) => ({ at }) }],
  },
  key: shared.keyOf,
  output: shared.output,
  timing: (context) => context,
};
