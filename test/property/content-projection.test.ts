import { describe, expect, it } from 'vitest';
import { causeOf, contentStateOf, contentStateOfStep, stepOf } from '../../machines/content-projection.js';
import type { ContentState, RecordedStep } from '../../machines/content-types.js';
import { explore } from '../machines/harness/proof.js';
import { pathValue } from '../machines/harness/step.js';
import { contentSpec } from '../machines/relations/content.js';

/** What the wire is told in each state; `record` where an actor has come back and not looked yet, or has failed. */
const WIRE: Readonly<Record<string, ContentState | 'record'>> = {
  none: 'NONE',
  recovering: 'record',
  'settingUp.recordingRequest': 'SETTING_UP',
  'settingUp.reserving': 'SETTING_UP',
  'settingUp.initializing': 'SETTING_UP',
  'settingUp.sealing': 'SETTING_UP',
  'settingUp.recordingAvailable': 'SETTING_UP',
  // AVAILABLE is on disk from here on.
  'settingUp.announcing': 'AVAILABLE',
  'available.idle': 'AVAILABLE',
  'available.recordingJob': 'AVAILABLE',
  'available.working': 'AVAILABLE',
  'available.recordingResult': 'AVAILABLE',
  'wrappingUp.recordingWrapUp': 'WRAPPING_UP',
  'wrappingUp.stoppingTimer': 'WRAPPING_UP',
  'wrappingUp.runningPreStop': 'WRAPPING_UP',
  'wrappingUp.recordingPreStop': 'WRAPPING_UP',
  'wrappingUp.quiescing': 'WRAPPING_UP',
  'wrappingUp.uploadingLogs': 'WRAPPING_UP',
  'wrappingUp.recordingLogs': 'WRAPPING_UP',
  'wrappingUp.makingSnapshot': 'WRAPPING_UP',
  'wrappingUp.recordingSnapshot': 'WRAPPING_UP',
  'wrappingUp.detaching': 'WRAPPING_UP',
  'wrappingUp.backingUp': 'WRAPPING_UP',
  'wrappingUp.verifying': 'WRAPPING_UP',
  'wrappingUp.pausing': 'WRAPPING_UP',
  'wrappingUp.recordingRemoval': 'WRAPPING_UP',
  'wrappingUp.removing': 'WRAPPING_UP',
  'wrappingUp.recordingGone': 'WRAPPING_UP',
  'wrappingUp.recordingStranded': 'WRAPPING_UP',
  'wrappingUp.stranded': 'WRAPPING_UP',
  'wrappingUp.retrying': 'WRAPPING_UP',
  'wrappingUp.retryingRemoval': 'WRAPPING_UP',
  gone: 'NONE',
  refused: 'NONE',
  failed: 'record',
};

const RECORD: Readonly<Record<RecordedStep, ContentState>> = {
  'setting-up': 'SETTING_UP',
  available: 'AVAILABLE',
  'wrapping-up': 'WRAPPING_UP',
  removing: 'WRAPPING_UP',
  gone: 'NONE',
};

describe('the content state on the wire', () => {
  it('is the hand-written table in every situation the machine can be in', () => {
    expect(Object.keys(WIRE).sort()).toEqual(Object.keys(contentSpec.states).sort());
    for (const { state, context } of explore(contentSpec)) {
      const byRecord = context.recorded === undefined ? 'NONE' : RECORD[context.recorded];
      const wanted = WIRE[state] === 'record' ? byRecord : WIRE[state];
      expect([state, contentStateOf(pathValue(state), context)]).toEqual([state, wanted]);
    }
  });

  it('is told by a step alone, but where the record tells it', () => {
    for (const [state, wire] of Object.entries(WIRE)) {
      const told = contentStateOfStep(stepOf(pathValue(state)));
      const wanted = state === 'settingUp.announcing' ? 'SETTING_UP' : wire === 'record' ? undefined : wire;
      expect([state, told]).toEqual([state, wanted]);
    }
    expect(contentStateOfStep('')).toBe('NONE');
  });

  it('names steps and causes for people', () => {
    expect(stepOf({ wrappingUp: 'backingUp' })).toBe('wrappingUp.backingUp');
    expect(stepOf('none')).toBe('none');
    expect(causeOf('xstate.init')).toBe('start');
    expect(causeOf('xstate.done.actor.mount:nfs.1:/data')).toBe('mount:nfs.1:/data.done');
    expect(causeOf('xstate.done.actor.0.content.wrappingUp.detaching')).toBe('detaching.overdue');
    expect(causeOf('xstate.error.actor.veth:0')).toBe('veth:0.failed');
    expect(causeOf('xstate.done.actor.timer:backup')).toBe('timer:backup.done');
    expect(causeOf('xstate.done.actor.0.content.wrappingUp.stoppingTimer')).toBe('stoppingTimer.overdue');
    expect(causeOf('DISPOSE')).toBe('DISPOSE');
    expect(causeOf('xstate.done.actor.0.content.settingUp.reserving')).toBe('reserving.done');
    expect(causeOf('xstate.error.actor.0.content.settingUp.reserving')).toBe('reserving.failed');
    expect(causeOf('xstate.done.actor.1.content.settingUp.reserving')).toBe('reserving.overdue');
  });
});
