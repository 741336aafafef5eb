import { assign } from 'xstate';
import { lifeSetup } from './instance-life-setup.js';
import * as steps from './instance-life-steps.js';
import { deadlineTo, withContext, writing } from './instance-life-waits.js';
import { wantsBackup } from './workspace-phase.js';

/**
 * On the way out. Every step is safe to repeat: after trouble, a stricter request or a restart all of it runs
 * again. The content is asked for only when nothing of the command runs any more.
 */
export const stopping = lifeSetup.createStateConfig({
  initial: 'recordingStop',
  entry: 'beginEnd',
  on: {
    // What asks for nothing more is taken note of nowhere: without the empty branches the whole machine would answer it.
    STOP: [
      {
        guard: ({ context, event }) => steps.isStricter(context, event.request, event.at),
        target: '.recordingStop',
        reenter: false,
        actions: assign(({ context, event }) => steps.stopRequested(context, event.request, event.at)),
      },
      {},
    ],
    TIMEOUT: [
      {
        guard: ({ context }) => context.timedOut === '',
        target: '.recordingStop',
        reenter: false,
        actions: assign(({ context, event }) =>
          steps.timedOut(context, event.reason, event.graceMs, event.at),
        ),
      },
      {},
    ],
  },
  states: {
    recordingStop: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          ...writing,
          onDone: { target: 'endingCommand', actions: 'keepRecord' },
          onError: { target: '#life.failed' },
        },
        deadlineTo('#life.failed'),
      ],
    },
    endingCommand: {
      entry: 'waitForStop',
      invoke: [
        {
          src: 'stopCommand',
          input: withContext,
          onDone: [
            {
              guard: 'isWorthSnapshot',
              target: 'snapshotting',
              actions: assign(({ context, event: { output } }) =>
                steps.commandEnded(context, output.end, output.at),
              ),
            },
            {
              target: 'disposing',
              actions: assign(({ context, event: { output } }) =>
                steps.commandEnded(context, output.end, output.at),
              ),
            },
          ],
          onError: { target: 'recordingTrouble', actions: 'troubleStop' },
        },
        deadlineTo('recordingTrouble', 'troubleStopOverdue'),
      ],
    },
    /** What a prebuild made is promised to others before it is told, and stored before it goes. */
    snapshotting: {
      entry: 'waitForSnapshot',
      invoke: [
        {
          src: 'takeSnapshot',
          input: withContext,
          onDone: {
            target: 'recordingSnapshot',
            actions: assign(({ event }) => ({ snapshot: event.output.url, at: event.output.at })),
          },
          onError: { target: 'disposing', actions: 'missSnapshot' },
        },
        deadlineTo('disposing', 'missSnapshotOverdue'),
      ],
    },
    recordingSnapshot: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          ...writing,
          onDone: { target: 'disposing', actions: 'keepRecord' },
          onError: { target: '#life.failed' },
        },
        deadlineTo('#life.failed'),
      ],
    },
    disposing: {
      entry: 'waitForDispose',
      invoke: [
        {
          src: 'disposeContent',
          input: ({ context }) => ({ context, backup: wantsBackup(context) }),
          onDone: {
            target: 'recordingOutcome',
            actions: assign(({ context, event: { output } }) =>
              steps.disposed(context, output.outcome, output.git, output.at),
            ),
          },
          onError: { target: 'recordingTrouble', actions: 'troubleDispose' },
        },
        deadlineTo('recordingTrouble', 'troubleDisposeOverdue'),
      ],
    },
    /** So that everybody can see what is in the way. */
    recordingTrouble: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          ...writing,
          onDone: { target: 'pausing', actions: 'keepRecord' },
          onError: { target: '#life.failed' },
        },
        deadlineTo('#life.failed'),
      ],
    },
    pausing: {
      entry: 'pause',
      invoke: {
        src: 'deadline',
        input: ({ context }) => ({ at: context.deadline }),
        onDone: { target: 'endingCommand', actions: 'keepTime' },
        onError: { target: '#life.failed' },
      },
    },
    recordingOutcome: {
      tags: 'recording',
      entry: 'waitForRecord',
      /** The content is gone: no request can change that any more. */
      on: { STOP: {}, TIMEOUT: {} },
      invoke: [
        {
          ...writing,
          onDone: { target: '#life.stopped', actions: 'keepRecord' },
          onError: { target: '#life.failed' },
        },
        deadlineTo('#life.failed'),
      ],
    },
  },
});
