import { describe, expect, it } from 'vitest';
import {
  mayBecome,
  type PrebuildReading,
  prebuildStep,
} from '../../../src/bridge/prebuilds/prebuild-mapping.js';
import {
  WorkspaceConditionBool,
  WorkspaceConditions,
  WorkspacePhase,
} from '../../../src/gen/ws-manager-api/core.js';

const { STOPPED, STOPPING, RUNNING, PENDING, INITIALIZING } = WorkspacePhase;
const S = 'a-snapshot';

type Told = Partial<WorkspaceConditions>;
const step = (reading: PrebuildReading, phase: WorkspacePhase, told: Told) =>
  prebuildStep(reading, phase, { ...WorkspaceConditions.create(), ...told });

describe('the published vectors', () => {
  it.each<[PrebuildReading, WorkspacePhase, Told, object | undefined]>([
    ['while-stopping', STOPPED, { snapshot: S }, undefined],
    ['while-stopping', STOPPING, { failed: 'f' }, { state: 'failed', error: 'f' }],
    ['while-stopping', STOPPING, { snapshot: '' }, undefined],
    [
      'while-stopping',
      STOPPING,
      { stoppedByRequest: WorkspaceConditionBool.TRUE },
      { state: 'aborted', error: 'Cancelled' },
    ],
    [
      'while-stopping',
      STOPPING,
      { headlessTaskFailed: 'h', snapshot: S },
      { state: 'available', snapshot: S, error: 'h' },
    ],
    ['while-stopping', STOPPING, { snapshot: S }, { state: 'available', snapshot: S, error: '' }],
    ['when-stopped', STOPPED, { snapshot: S }, { state: 'available', snapshot: S, error: '' }],
    ['when-stopped', STOPPING, { failed: 'f' }, { state: 'building', error: undefined }],
    ['when-stopped', STOPPING, { snapshot: '' }, { state: 'building' }],
    [
      'when-stopped',
      STOPPED,
      { stoppedByRequest: WorkspaceConditionBool.TRUE },
      { state: 'aborted', error: 'Cancelled' },
    ],
    [
      'when-stopped',
      STOPPED,
      { headlessTaskFailed: 'h', snapshot: S },
      { state: 'available', snapshot: S, error: 'h' },
    ],
    ['when-stopped', STOPPING, { headlessTaskFailed: 'h', snapshot: S }, { state: 'building' }],
  ])('%s, phase %i, %o', (reading, phase, told, expected) => {
    if (expected === undefined) expect(step(reading, phase, told)).toBeUndefined();
    else expect(step(reading, phase, told)).toMatchObject(expected);
  });
});

describe('the end of a prebuild', () => {
  it('is read from the first condition that matches', () => {
    const everything = { timeout: 't', failed: 'f', headlessTaskFailed: 'h', snapshot: S };
    expect(step('when-stopped', STOPPED, everything)).toMatchObject({
      state: 'timeout',
      error: 't',
      event: 'aborted-timeout',
    });
    expect(step('when-stopped', STOPPED, { ...everything, timeout: '' })).toMatchObject({
      state: 'failed',
      event: 'failed',
    });
  });

  it('is not aborted by a condition that is neither true nor false', () => {
    const told = { stoppedByRequest: WorkspaceConditionBool.EMPTY, snapshot: S };
    expect(step('when-stopped', STOPPED, told)).toMatchObject({
      state: 'available',
      event: 'finish-success',
    });
  });

  it('is never available without a snapshot', () => {
    for (const reading of ['when-stopped', 'while-stopping'] as const) {
      const phase = reading === 'when-stopped' ? STOPPED : STOPPING;
      expect(step(reading, phase, { headlessTaskFailed: 'h' })).toMatchObject({
        state: 'failed',
        error: 'h',
      });
    }
    expect(step('when-stopped', STOPPED, {})).toMatchObject({ state: 'failed' });
  });

  it('is never available with the beginning of a name that its column cannot hold', () => {
    const snapshot = 's'.repeat(256);
    expect(step('when-stopped', STOPPED, { snapshot })).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('too long'),
      snapshot: undefined,
    });
  });
});

describe('before its end', () => {
  it.each([
    [RUNNING, 'building'],
    [PENDING, 'queued'],
    [INITIALIZING, 'queued'],
    [WorkspacePhase.UNKNOWN, 'queued'],
    [WorkspacePhase.INTERRUPTED, 'queued'],
  ])('phase %i is %s', (phase, state) => {
    for (const reading of ['when-stopped', 'while-stopping'] as const) {
      expect(step(reading, phase, {})).toMatchObject({ state, event: 'started' });
    }
  });
});

it('never leaves an end, and never goes back into the queue', () => {
  const states = ['queued', 'building', 'available', 'timeout', 'aborted', 'failed'] as const;
  const allowed = states.flatMap((from) =>
    states.filter((to) => mayBecome(from, to)).map((to) => `${from}>${to}`),
  );
  expect(allowed).toEqual([
    ...states.map((to) => `queued>${to}`),
    ...states.filter((to) => to !== 'queued').map((to) => `building>${to}`),
  ]);
});
