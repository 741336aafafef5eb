import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { explain } from '../../src/explanation/explain.js';
import { pathOf } from '../../src/explanation/path.js';
import { CONTENT_STEPS, LIFE_STEPS } from '../../src/explanation/step-words.js';
import { WorkspaceContentState } from '../../src/gen/ws-daemon-api/daemon.js';
import { WorkspacePhase } from '../../src/gen/ws-manager-api/core.js';
import { ago, ahead, backupOf, factsOf, transition } from './facts.js';

const DAY = 24 * 60 * 60_000;
const past = fc.integer({ min: 0, max: 400 * DAY }).map(ago);
const future = fc.integer({ min: 0, max: 400 * DAY }).map(ahead);
const words = fc.constantFrom(
  '',
  'the disk is full',
  'it ended.',
  'timed out: startup took 01h00m, allowed are 00h45m',
);
const contentStep = fc.constantFrom(...Object.keys(CONTENT_STEPS), 'a.step.of.tomorrow');
const lifeStep = fc.constantFrom(...Object.keys(LIFE_STEPS), 'a.step.of.tomorrow');

const failure = fc.record({
  code: fc.constant('storage-unavailable'),
  message: words,
  retryable: fc.boolean(),
  remedy: words,
  atMs: past,
});
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });

const content = fc.record({
  step: contentStep,
  state: fc.constantFrom(...Object.values(WorkspaceContentState)),
  stepSinceMs: past,
  waitingFor: fc.constantFrom('', 'the final backup'),
  deadlineMs: optional(future),
  nextAttemptMs: optional(future),
  nextBackupMs: optional(fc.oneof(past, future)),
  backupAtRiskSinceMs: optional(past),
  attempts: fc.nat(9),
  failure: optional(failure),
  lastBackup: optional(fc.tuple(fc.bigInt(1n, 99n), past).map(([version, at]) => backupOf(version, at))),
  parked: optional(fc.record({ reason: words, sinceMs: past })),
  remoteStorageDisabled: fc.boolean(),
});

const instance = fc.record({
  step: lifeStep,
  phase: fc.constantFrom(...Object.values(WorkspacePhase)),
  stepSinceMs: past,
  detail: words,
  failed: words,
  timedOut: words,
  parked: words,
  waitingFor: fc.constantFrom('', 'the final backup'),
  deadlineMs: optional(future),
  nextAttemptMs: optional(future),
  stop: optional(fc.record({ killMs: optional(future), aborted: fc.boolean() })),
  command: optional(
    fc.record({ state: fc.constantFrom(0, 1, 2, 3), exitCode: optional(fc.nat(255)), lost: words }),
  ),
  disposal: fc.constantFrom('', 'backed-up', 'discarded', 'lost', 'something new'),
  timeouts: fc.array(
    fc.record({
      kind: fc.constant('period of inactivity'),
      atMs: future,
      limitMs: fc.constant(1n),
      suspended: fc.boolean(),
      movable: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
});

const history = fc.array(
  fc
    .tuple(
      fc.constantFrom('content', 'instance', 'person', 'timer:backup', 'mount:proc'),
      fc.oneof(contentStep, lifeStep),
      fc.oneof(contentStep, lifeStep),
      fc.constantFrom(
        'INIT',
        'STOP',
        'backingUp.failed',
        'settingUp.overdue',
        'recovering.done',
        'strange.failed',
      ),
      words,
      fc.nat(400 * DAY),
    )
    .map(([actor, from, to, cause, detail, msAgo]) =>
      transition(`${actor} ${from} → ${to} ${cause}${detail === '' ? '' : `: ${detail}`}`, msAgo),
    ),
  { maxLength: 30 },
);

test.prop([optional(content), optional(instance), history, fc.constantFrom('', 'the daemon is away')])(
  'whatever is known, it is told in whole sentences, and nothing that was not known',
  (aboutContent, aboutInstance, transitions, unasked) => {
    const facts = factsOf({
      ...(aboutContent === undefined ? {} : { content: aboutContent }),
      ...(aboutInstance === undefined ? {} : { instance: aboutInstance }),
      unasked,
    });
    const told = explain({ ...facts, transitions });
    const isKnown = facts.content ?? facts.instance ?? transitions[0];
    if (isKnown !== undefined) expect(told.sentences.length).toBeGreaterThan(0);
    const all = [...told.sentences, ...told.tried, ...told.next, ...told.options.map(({ what }) => what)];
    for (const text of all) {
      expect(text).not.toMatch(/undefined|null|NaN|\[object|Invalid|\.\.(?!\.)/);
      expect(text.trim()).toBe(text);
    }
    for (const sentence of [...told.sentences, ...told.next]) expect(sentence).toMatch(/^[\w].*[.!?…]$/s);
    for (const { command } of told.options) expect(command.every((word) => word !== '')).toBe(true);
    expect(pathOf(transitions).every((one) => transitions.includes(one))).toBe(true);
  },
);
