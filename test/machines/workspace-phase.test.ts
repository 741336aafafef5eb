import { describe, expect, test } from 'vitest';
import {
  type CommandFact,
  commandFailure,
  conditionsOf,
  type LifeFacts,
  phaseOf,
  stopReasonOf,
  wantsBackup,
} from '../../machines/workspace-phase.js';

const NEW: LifeFacts = {
  kind: 'regular',
  begun: false,
  deployed: false,
  content: 'none',
  command: { state: 'none' },
  stop: undefined,
  timedOut: '',
  failure: '',
  disposal: 'none',
};
const BEGUN: LifeFacts = { ...NEW, begun: true };
const DEPLOYED: LifeFacts = { ...BEGUN, deployed: true };
const READY: LifeFacts = { ...DEPLOYED, content: 'ready' };
const RUNNING: LifeFacts = { ...READY, command: { state: 'running' } };
const STOP = { graceMs: 30_000, aborted: false };
const ABORT = { graceMs: 1_000, aborted: true };

function exited(code: number): CommandFact {
  return { state: 'ended', end: { kind: 'exited', code } };
}

/** The facts once the command has ended, as the machine records them. */
function ended(facts: LifeFacts, command: CommandFact): LifeFacts {
  if (command.state !== 'ended') return facts;
  return { ...facts, command, failure: facts.failure || commandFailure(facts, command.end) };
}

describe('the phase', () => {
  test.each<readonly [string, LifeFacts, string]>([
    ['accepted', NEW, 'pending'],
    ['work on it has begun', BEGUN, 'creating'],
    ['it has a place on a node', DEPLOYED, 'initializing'],
    ['its content is ready, its command not yet up', READY, 'initializing'],
    ['its command runs', RUNNING, 'running'],
    ['its command runs without content being ready', { ...RUNNING, content: 'none' }, 'initializing'],
    ['asked to stop before anything', { ...NEW, stop: STOP }, 'stopping'],
    ['asked to stop while running', { ...RUNNING, stop: STOP }, 'stopping'],
    ['content failed', { ...DEPLOYED, content: 'failed' }, 'stopping'],
    ['command ended', { ...RUNNING, command: exited(0) }, 'stopping'],
    ['over a limit', { ...RUNNING, timedOut: 'too long' }, 'stopping'],
    ['failed otherwise', { ...DEPLOYED, failure: 'no node' }, 'stopping'],
    ['content saved', { ...RUNNING, stop: STOP, disposal: 'backed-up' }, 'stopped'],
    ['content given up', { ...DEPLOYED, stop: ABORT, disposal: 'discarded' }, 'stopped'],
    ['content lost', { ...RUNNING, stop: STOP, disposal: 'lost' }, 'stopped'],
  ])('%s: %s is %s', (_, facts, phase) => {
    expect(phaseOf(facts)).toBe(phase);
  });
});

/** The published scenarios of the workspace controller, as far as they can happen on one machine. */
describe('published scenarios', () => {
  const headless: LifeFacts = { ...RUNNING, kind: 'prebuild' };
  const imageBuild: LifeFacts = { ...RUNNING, kind: 'imagebuild' };

  test.each<readonly [string, LifeFacts, { backup: boolean; failed: boolean; reason: string }]>([
    ['ready, stopped', { ...RUNNING, stop: STOP }, { backup: true, failed: false, reason: 'regular-stop' }],
    [
      'content failed',
      { ...DEPLOYED, content: 'failed', failure: 'content initialization failed: x' },
      { backup: false, failed: true, reason: 'start-failure' },
    ],
    [
      'stop before ready',
      { ...DEPLOYED, stop: STOP },
      { backup: false, failed: false, reason: 'regular-stop' },
    ],
    ['exit 1', ended(RUNNING, exited(1)), { backup: true, failed: true, reason: 'failed' }],
    ['exit 255', ended(RUNNING, exited(255)), { backup: true, failed: true, reason: 'failed' }],
    ['unexpected completion', ended(RUNNING, exited(0)), { backup: true, failed: true, reason: 'failed' }],
    ['timeout', { ...RUNNING, timedOut: 'too long' }, { backup: true, failed: false, reason: 'timeout' }],
    [
      'an exit after a timeout is what was asked for',
      ended({ ...RUNNING, timedOut: 'too long' }, exited(143)),
      { backup: true, failed: false, reason: 'timeout' },
    ],
    ['aborted', { ...RUNNING, stop: ABORT }, { backup: false, failed: false, reason: 'aborted' }],
    [
      'prebuild task fails',
      ended(headless, exited(5)),
      { backup: true, failed: false, reason: 'regular-stop' },
    ],
    [
      'prebuild succeeds',
      ended(headless, exited(0)),
      { backup: true, failed: false, reason: 'regular-stop' },
    ],
    ['prebuild killed', ended(headless, exited(137)), { backup: true, failed: true, reason: 'failed' }],
    ['prebuild aborted', { ...headless, stop: ABORT }, { backup: false, failed: false, reason: 'aborted' }],
    [
      'image build succeeds',
      ended(imageBuild, exited(0)),
      { backup: false, failed: false, reason: 'regular-stop' },
    ],
    [
      'node lost the command',
      ended(RUNNING, { state: 'ended', end: { kind: 'lost', reason: 'restart' } }),
      { backup: true, failed: true, reason: 'failed' },
    ],
    [
      'an exit after a stop request is what was asked for',
      ended({ ...RUNNING, stop: STOP }, exited(143)),
      { backup: true, failed: false, reason: 'regular-stop' },
    ],
  ])('%s', (_, facts, { backup, failed, reason }) => {
    expect(wantsBackup(facts)).toBe(backup);
    expect(conditionsOf(facts).failed !== '').toBe(failed);
    expect(stopReasonOf(facts, false)).toBe(reason);
  });
});

describe('conditions', () => {
  test('the final backup is complete only when the content was saved', () => {
    const ends = ['none', 'discarded', 'lost', 'backed-up'] as const;
    const complete = ends.map((disposal) => conditionsOf({ ...RUNNING, disposal }).finalBackupComplete);
    expect(complete).toEqual([false, false, false, true]);
  });

  test.each([
    ['regular', 5, ''],
    ['prebuild', 0, ''],
    ['prebuild', 5, 'headless task failed: exit code 5'],
    ['imagebuild', 2, 'headless task failed: exit code 2'],
  ] as const)('a %s task that ends with %i', (kind, code, text) => {
    expect(conditionsOf({ ...RUNNING, kind, command: exited(code) }).headlessTaskFailed).toBe(text);
  });

  test('a stop of what its user had closed is told apart, and of what filled its disk', () => {
    expect(stopReasonOf({ ...RUNNING, stop: STOP }, true)).toBe('tab-closed');
    const full = { ...RUNNING, failure: 'Evicted: container exceeded pod ephemeral local storage' };
    expect(stopReasonOf(full, true)).toBe('out-of-space');
  });

  test('a timeout is told by its text', () => {
    expect(conditionsOf({ ...RUNNING, timedOut: 'too long' }).timeout).toBe('too long');
    expect(conditionsOf(RUNNING).timeout).toBe('');
  });

  test('a signal is told as one', () => {
    expect(ended(RUNNING, exited(137)).failure).toContain('signal 9');
  });

  test('the first failure stays', () => {
    expect(ended({ ...RUNNING, failure: 'first' }, exited(1)).failure).toBe('first');
  });
});
