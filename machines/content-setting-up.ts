import { assign } from 'xstate';
import { bringBackAttachments } from './content-children.js';
import { contentSetup } from './content-setup.js';
import * as steps from './content-steps.js';
import { deadlineTo, withContext } from './content-waits.js';

/**
 * An actor that comes back looks at the world first, and goes to the step its record and the world agree on. A
 * DISPOSE that comes meanwhile is kept, and decides as soon as the world is known.
 */
export const recovering = contentSetup.createStateConfig({
  entry: [bringBackAttachments, 'waitForSurvey'],
  on: {
    DISPOSE: {
      guard: 'mayJoinDisposal',
      actions: assign(({ context, event }) => steps.disposalJoined(context, event.disposal, event.at)),
    },
  },
  invoke: [
    {
      src: 'survey',
      input: withContext,
      onDone: [
        {
          guard: ({ context, event }) => steps.isContentMissing(context, event.output),
          target: '#content.wrappingUp',
          actions: assign(({ context, event }) => steps.contentMissing(context, event.output.at)),
        },
        { guard: 'recordedWrappingUp', target: '#content.wrappingUp', actions: 'keepTime' },
        { guard: 'recordedRemoving', target: '#content.wrappingUp.disconnecting', actions: 'keepTime' },
        { guard: 'isCompleteAndDisposed', target: '#content.wrappingUp', actions: 'keepTime' },
        { guard: 'isDisposed', target: '#content.wrappingUp', actions: ['keepTime', 'forgetSetup'] },
        {
          guard: ({ context, event }) => steps.isInUse(context, event.output),
          target: '#content.available',
          actions: 'keepTime',
        },
        { guard: 'recordedAvailable', target: '#content.settingUp.announcing', actions: 'keepTime' },
        {
          guard: ({ context, event }) => steps.areCredentialsLost(context, event.output),
          target: '#content.wrappingUp',
          actions: assign(({ event }) => steps.credentialsLost(event.output.at)),
        },
        { target: '#content.settingUp.reserving', actions: 'keepTime' },
      ],
      onError: { target: '#content.failed', actions: 'fail' },
    },
    deadlineTo('#content.failed', 'timeOut'),
  ],
});

export const settingUp = contentSetup.createStateConfig({
  initial: 'recordingRequest',
  on: {
    DISPOSE: {
      target: '#content.wrappingUp',
      actions: [
        assign(({ context, event }) => steps.disposalJoined(context, event.disposal, event.at)),
        'forgetSetup',
      ],
    },
  },
  states: {
    /** Nothing exists yet and nobody was told: when this record cannot be written, Init is refused. */
    recordingRequest: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({ context, step: 'setting-up' as const }),
          onDone: { target: 'reserving', actions: 'keepRecord' },
          onError: { target: '#content.refused', actions: 'fail' },
        },
        deadlineTo('#content.refused', 'timeOut'),
      ],
    },
    reserving: {
      entry: 'waitForReserve',
      invoke: [
        {
          src: 'reserve',
          input: withContext,
          onDone: { target: 'initializing', actions: 'keepTime' },
          onError: { target: '#content.wrappingUp', actions: 'fail' },
        },
        deadlineTo('#content.wrappingUp', 'timeOut'),
      ],
    },
    initializing: {
      entry: 'waitForInitialize',
      invoke: [
        {
          src: 'initialize',
          input: withContext,
          onDone: {
            target: 'sealing',
            actions: assign(({ event }) => steps.setUp(event.output.setup, event.output.at)),
          },
          onError: { target: '#content.wrappingUp', actions: 'fail' },
        },
        deadlineTo('#content.wrappingUp', 'timeOut'),
      ],
    },
    sealing: {
      entry: 'waitForSeal',
      invoke: [
        {
          src: 'seal',
          input: withContext,
          onDone: { target: 'recordingAvailable', actions: 'keepTime' },
          onError: { target: 'abandoning', actions: 'fail' },
        },
        deadlineTo('abandoning', 'timeOut'),
      ],
    },
    /** AVAILABLE is on disk before the inside learns of it: a ready workspace is never wiped by a restart. */
    recordingAvailable: {
      tags: 'recording',
      entry: 'waitForRecord',
      invoke: [
        {
          src: 'writeRecord',
          input: ({ context }) => ({
            context: { ...context, ...steps.becameAvailable(context) },
            step: 'available' as const,
          }),
          onDone: { target: 'announcing', actions: ['becomeAvailable', 'keepRecord'] },
          onError: { target: 'abandoning', actions: 'fail' },
        },
        deadlineTo('abandoning', 'timeOut'),
      ],
    },
    /** Complete content that could not be recorded as such counts as never set up. */
    abandoning: { entry: 'forgetSetup', always: '#content.wrappingUp' },
    /** Content that was recorded complete is never removed for a missing marker: the supervisor tries again. */
    announcing: {
      on: {
        DISPOSE: {
          target: '#content.wrappingUp',
          actions: assign(({ context, event }) => steps.disposalJoined(context, event.disposal, event.at)),
        },
      },
      entry: 'waitForAnnounce',
      invoke: [
        {
          src: 'announce',
          input: withContext,
          onDone: { target: '#content.available', actions: 'keepTime' },
          onError: { target: '#content.failed', actions: 'fail' },
        },
        deadlineTo('#content.failed', 'timeOut'),
      ],
    },
  },
});
