import { assign } from 'xstate';
import { lifeSetup } from './instance-life-setup.js';
import * as steps from './instance-life-steps.js';
import { deadlineTo, withContext, writing } from './instance-life-waits.js';

/** Taken note of; what follows from it waits for the end of what is under way. */
const toEndLater = {
  STOP: { actions: 'noteStop' },
  TIMEOUT: { actions: 'noteTimeout' },
} as const;

/**
 * An actor that comes back looks at the world first, and goes on where its record and the world agree. One that is
 * to end does so even when the world cannot be seen.
 */
export const recovering = lifeSetup.createStateConfig({
  entry: 'waitForSurvey',
  on: toEndLater,
  invoke: [
    {
      src: 'survey',
      input: withContext,
      onDone: [
        { guard: 'isEnding', target: '#life.stopping', actions: 'keepTime' },
        {
          guard: ({ context, event }) => context.content === 'ready' && event.output.content === 'absent',
          target: '#life.stopping',
          actions: assign(({ context, event }) => steps.contentLost(context, event.output.at)),
        },
        { guard: 'wasRunning', target: '#life.running', actions: 'keepTime' },
        {
          guard: ({ event }) => event.output.credentials === 'lost',
          target: '#life.stopping',
          actions: assign(({ context, event }) => steps.credentialsLost(context, event.output.at)),
        },
        { guard: 'isReady', target: '#life.initializing.startingCommand', actions: 'keepTime' },
        { guard: 'isDeployed', target: '#life.initializing.settingUp', actions: 'keepTime' },
        { guard: 'hasBegun', target: '#life.creating.preparing', actions: 'keepTime' },
        { target: '#life.creating', actions: 'keepTime' },
      ],
      onError: [{ guard: 'isEnding', target: '#life.stopping' }, { target: '#life.failed' }],
    },
    deadlineTo('#life.failed'),
  ],
});

/**
 * Accepted: the answer to the caller waits for this record, and without it nothing ever happened. So what is to end it
 * waits for the record, too: there is nothing yet that could be ended.
 */
export const pending = lifeSetup.createStateConfig({
  tags: 'recording',
  entry: 'waitForRecord',
  on: toEndLater,
  invoke: [
    {
      ...writing,
      onDone: [
        { guard: 'isEnding', target: '#life.stopping', actions: 'keepRecord' },
        { target: '#life.creating', actions: 'keepRecord' },
      ],
      onError: { target: '#life.refused' },
    },
    deadlineTo('#life.refused'),
  ],
});

export const creating = lifeSetup.createStateConfig({
  initial: 'recordingBegun',
  states: {
    recordingBegun: {
      tags: 'recording',
      entry: [assign({ begun: true }), 'waitForRecord'],
      invoke: [
        {
          ...writing,
          onDone: { target: 'preparing', actions: 'keepRecord' },
          onError: { target: '#life.failed' },
        },
        deadlineTo('#life.failed'),
      ],
    },
    preparing: {
      entry: 'waitForPrepare',
      invoke: [
        {
          src: 'prepare',
          input: withContext,
          onDone: { target: '#life.initializing', actions: 'keepTime' },
          onError: { target: '#life.stopping', actions: 'failPrepare' },
        },
        deadlineTo('#life.stopping', 'failPrepareOverdue'),
      ],
    },
  },
});

/** From the first of these records on the daemon may hold something, so the end has to ask it. */
export const initializing = lifeSetup.createStateConfig({
  initial: 'recordingDeployed',
  states: {
    recordingDeployed: {
      tags: 'recording',
      entry: [assign({ deployed: true }), 'waitForRecord'],
      invoke: [
        {
          ...writing,
          onDone: { target: 'settingUp', actions: 'keepRecord' },
          onError: { target: '#life.failed' },
        },
        deadlineTo('#life.failed'),
      ],
    },
    settingUp: {
      entry: 'waitForContent',
      invoke: [
        {
          src: 'initContent',
          input: withContext,
          onDone: {
            target: 'recordingReady',
            actions: assign(({ event }) => steps.contentReady(event.output.metrics, event.output.at)),
          },
          onError: { target: '#life.stopping', actions: 'failContent' },
        },
        deadlineTo('#life.stopping', 'failContentOverdue'),
      ],
    },
    recordingReady: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          ...writing,
          onDone: { target: 'startingCommand', actions: 'keepRecord' },
          onError: { target: '#life.failed' },
        },
        deadlineTo('#life.failed'),
      ],
    },
    startingCommand: {
      entry: 'waitForStart',
      invoke: [
        {
          src: 'startCommand',
          input: withContext,
          onDone: { target: 'recordingRunning', actions: 'keepTime' },
          onError: { target: '#life.stopping', actions: 'failStart' },
        },
        deadlineTo('#life.stopping', 'failStartOverdue'),
      ],
    },
    recordingRunning: {
      tags: 'recording',
      entry: [assign({ command: { state: 'running' } as const }), 'waitForRecord'],
      invoke: [
        {
          ...writing,
          onDone: { target: '#life.running', actions: 'keepRecord' },
          onError: { target: '#life.failed' },
        },
        deadlineTo('#life.failed'),
      ],
    },
  },
});
