import { describe, expect, it } from 'vitest';
import { explain } from '../../src/explanation/explain.js';
import { pathOf } from '../../src/explanation/path.js';
import { InstanceCommandState } from '../../src/gen/steward/v1/instance.js';
import { WorkspaceContentState } from '../../src/gen/ws-daemon-api/daemon.js';
import { WorkspacePhase } from '../../src/gen/ws-manager-api/core.js';
import { ago, ahead, backupOf, factsOf, MINUTE, SECOND, transition } from './facts.js';

const { SETTING_UP, WRAPPING_UP, NONE } = WorkspaceContentState;
const { INITIALIZING, STOPPING, STOPPED, PENDING } = WorkspacePhase;

const IDLE = { kind: 'period of inactivity', atMs: 0n, limitMs: 1n, suspended: false, movable: true };

describe('an instance that runs', () => {
  const backup = backupOf(3n, ago(4 * MINUTE));

  it('says since when, how safe it is, and what comes by itself, soonest first', () => {
    const told = explain(
      factsOf({
        instance: {
          timeouts: [
            { ...IDLE, atMs: ahead(25 * MINUTE) },
            { ...IDLE, kind: 'maximum lifetime', atMs: ahead(35 * 60 * MINUTE), movable: false },
          ],
        },
        content: { lastBackup: backup, nextBackupMs: ahead(MINUTE) },
      }),
    );
    expect(told.sentences).toEqual([
      'i-1 is running, since 13:58:00 UTC (2m ago).',
      'Its content is in use, since 13:58:00 UTC (2m ago).',
      'Its newest backup is version 3, made 4m ago.',
    ]);
    expect(told.tried).toEqual([]);
    expect(told.next).toEqual([
      'The next periodic backup is due at 14:01:00 UTC (in 1m).',
      'It times out at 14:25:00 UTC (in 25m) unless somebody uses it before: period of inactivity.',
      'It times out at 2026-11-23 01:00:00 UTC (in 35h): maximum lifetime.',
    ]);
    expect(told.options.map(({ command }) => command.join(' '))).toEqual([
      'timeout i-1 3h',
      'stop i-1 --wait',
    ]);
  });

  it('says that maintenance keeps it from timing out', () => {
    const timeouts = [{ ...IDLE, atMs: ago(MINUTE), suspended: true }];
    const { next } = explain(factsOf({ instance: { timeouts } }));
    expect(next).toEqual(['Maintenance keeps it from timing out (period of inactivity).']);
  });

  it('warns when its newest state exists on the node only, and says what to do', () => {
    const told = explain(
      factsOf({
        instance: {},
        content: { lastBackup: backup, backupAtRiskSinceMs: ago(20 * MINUTE) },
        history: [
          'content available.idle → available.recordingJob BACKUP_DUE',
          'content available.working → available.recordingResult working.failed: storage-unavailable: refused',
          'content available.working → available.recordingResult working.failed: storage-unavailable: refused',
        ],
      }),
    );
    expect(told.sentences.at(-1)).toBe(
      'What changed since 13:40:00 UTC (20m ago) exists on this node only, although a backup was due.',
    );
    expect(told.tried).toEqual([
      'A backup or snapshot failed 2 times, the last time at 13:59:59 UTC (1.0s ago): storage-unavailable: refused',
    ]);
    expect(told.options[0]).toEqual({ what: 'Try a backup now.', command: ['backup', 'i-1'] });
  });

  it('has been there since it came there first, whatever was restarted since', () => {
    const history = [
      'instance initializing.recordingRunning → running recordingRunning.done',
      'instance none → recovering start',
      'instance recovering → running recovering.done',
      'instance none → recovering start',
      'instance recovering → running recovering.done',
    ];
    const { sentences } = explain(factsOf({ instance: { stepSinceMs: ago(SECOND) }, history }));
    expect(sentences[0]).toBe('i-1 is running, since 13:59:55 UTC (5.0s ago).');
  });

  it('says what it outlived', () => {
    const { sentences } = explain(
      factsOf({
        instance: {},
        history: [
          'content recovering → available.idle recovering.done',
          'instance recovering → running recovering.done',
          'content recovering → available.idle recovering.done',
        ],
      }),
    );
    expect(sentences.at(-1)).toBe(
      'It outlived 2 restarts of the daemon (the last at 13:59:59 UTC (1.0s ago)) and a restart of the manager (at 13:59:58 UTC (2.0s ago)).',
    );
  });
});

describe('an instance on its way up', () => {
  it('tells what the content waits for instead of the manager waiting for the content', () => {
    const told = explain(
      factsOf({
        instance: {
          ...{ phase: INITIALIZING, step: 'initializing.settingUp', waitingFor: 'setting up the content' },
          deadlineMs: ahead(60 * MINUTE),
        },
        content: {
          ...{ state: SETTING_UP, step: 'settingUp.initializing', waitingFor: 'initializing' },
          deadlineMs: ahead(30 * MINUTE),
        },
      }),
    );
    expect(told.sentences).toEqual([
      'i-1 is waiting for its content, since 13:58:00 UTC (2m ago).',
      'Its content is being produced, since 13:58:00 UTC (2m ago).',
    ]);
    expect(told.next).toEqual([
      'The content waits for initializing until 14:30:00 UTC (in 30m) at the latest; then that counts as failed.',
    ]);
    expect(told.options).toEqual([
      { what: 'End it; there is nothing to save yet.', command: ['stop', 'i-1', '--wait'] },
    ]);
  });

  it('tells the wait of the manager where the daemon could not be asked', () => {
    const told = explain(
      factsOf({
        instance: {
          ...{ phase: INITIALIZING, step: 'initializing.settingUp', waitingFor: 'setting up the content' },
          deadlineMs: ahead(MINUTE),
        },
        unasked: 'the daemon does not answer',
      }),
    );
    expect(told.sentences.at(-1)).toBe('More would be known, but the daemon does not answer.');
    expect(told.next).toEqual([
      'It waits for setting up the content until 14:01:00 UTC (in 1m) at the latest.',
    ]);
  });

  it('has nothing but its record at first', () => {
    const { sentences } = explain(factsOf({ instance: { phase: PENDING, step: 'pending' } }));
    expect(sentences).toEqual([
      'i-1 was accepted, which is being written to disk, since 13:58:00 UTC (2m ago).',
    ]);
  });
});

describe('an instance on its way down', () => {
  const stopping = { phase: STOPPING, step: 'stopping.disposing' };

  it.each([
    [{ stop: { aborted: false } }, 'It ends because somebody asked for it.'],
    [{ stop: { aborted: true } }, 'It ends because somebody asked for it, without a backup.'],
    [
      { timedOut: 'timed out: period of inactivity took 00h31m, allowed are 00h30m' },
      'It ends because it timed out: period of inactivity took 00h31m, allowed are 00h30m.',
    ],
    [
      { failed: "the workspace's command ended with exit code 3" },
      "It ends because the workspace's command ended with exit code 3.",
    ],
    [{}, "It ends because the workspace's command ended."],
  ])('%j says why: %s', (instance, sentence) => {
    expect(explain(factsOf({ instance: { ...stopping, ...instance } })).sentences[1]).toBe(sentence);
  });

  it('says what the command left, and what failed on the way', () => {
    const command = { state: InstanceCommandState.INSTANCE_COMMAND_STATE_ENDED, exitCode: 143, lost: '' };
    const instance = { ...stopping, stop: { aborted: false }, command, failed: 'the disk is full' };
    const history = ['instance running → stopping.recordingStop STOP'];
    expect(explain(factsOf({ instance, history })).sentences.slice(1)).toEqual([
      'It ends because somebody asked for it.',
      'On the way it failed: the disk is full.',
      'Its command ended with exit code 143.',
    ]);
  });

  it('does not take a stop that came later for the reason', () => {
    const instance = { ...stopping, stop: { aborted: false }, failed: 'the content is gone' };
    const history = [
      'instance running → stopping.recordingStop running.done',
      'instance stopping.pausing → stopping.recordingStop STOP',
    ];
    expect(explain(factsOf({ instance, history })).sentences.slice(1)).toEqual([
      'It ends because the content is gone.',
    ]);
  });

  it('says until when the command has time, and how to be quicker', () => {
    const instance = {
      ...{ phase: STOPPING, step: 'stopping.endingCommand' },
      stop: { aborted: false, killMs: ahead(20 * SECOND) },
    };
    const told = explain(factsOf({ instance }));
    expect(told.next).toEqual(['What is left of its command is killed at 14:00:20 UTC (in 20s).']);
    expect(told.options.map(({ command }) => command)).toEqual([['stop', 'i-1', '--now']]);
  });

  it('stranded: how often it was tried, why it failed, when it goes on, and what it costs to give up', () => {
    const told = explain(
      factsOf({
        instance: { ...stopping, stop: { aborted: false } },
        content: {
          ...{ state: WRAPPING_UP, step: 'wrappingUp.stranded', attempts: 3, nextAttemptMs: ahead(MINUTE) },
          failure: {
            ...{ code: 'storage-unavailable', message: 'the storage refuses', retryable: true },
            ...{ remedy: 'Look at the storage.', atMs: ago(30 * SECOND) },
          },
        },
        history: [
          'content wrappingUp.backingUp → wrappingUp.weighing backingUp.failed: storage-unavailable: the storage refuses',
          'content wrappingUp.backingUp → wrappingUp.weighing backingUp.overdue',
          'content wrappingUp.backingUp → wrappingUp.weighing backingUp.failed: storage-unavailable: the storage refuses',
        ],
      }),
    );
    expect(told.sentences.slice(2)).toEqual([
      'Its content could not be saved in any attempt so far; it stays where it is, since 13:58:00 UTC (2m ago).',
      '3 attempts failed.',
      'What failed last, at 13:59:30 UTC (30s ago): the storage refuses.',
      'It has no backup yet.',
    ]);
    expect(told.tried).toEqual([
      'The final backup took too long at 13:59:58 UTC (2.0s ago)',
      'The final backup failed 2 times, the last time at 13:59:59 UTC (1.0s ago): storage-unavailable: the storage refuses',
    ]);
    expect(told.next).toEqual(['The next attempt with the content begins at 14:01:00 UTC (in 1m).']);
    expect(told.options.map(({ what, command }) => [what, command.join(' ')])).toEqual([
      ['Look at the storage.', ''],
      ['Try again now, without waiting for the pause to end.', 'recover i-1 --retry --reason WHY'],
      ['Stop trying and keep everything as it is.', 'recover i-1 --park --reason WHY'],
      ['Give the content up; what was not saved is lost.', 'recover i-1 --abandon --reason WHY --yes'],
    ]);
  });

  it('parked: nothing happens by itself, and says so', () => {
    const told = explain(
      factsOf({
        content: {
          ...{ state: WRAPPING_UP, step: 'parked', deadlineMs: ahead(MINUTE) },
          parked: { reason: 'the storage is being moved', sinceMs: ago(MINUTE) },
        },
        history: ['person asked → park Recover: the storage is being moved (by ada)'],
      }),
    );
    expect(told.sentences).toEqual([
      'The content of i-1 is parked: nothing happens to it until somebody decides, since 13:58:00 UTC (2m ago).',
      'It was parked at 13:59:00 UTC (1m ago): the storage is being moved.',
      'It has no backup yet.',
      'Somebody asked at 13:59:59 UTC (1.0s ago) to park it: the storage is being moved (by ada).',
    ]);
    expect(told.next).toEqual([]);
    expect(told.options[0]?.command).toEqual(['recover', 'i-1', '--resume', '--reason', 'WHY']);
  });
});

describe('an instance that is over', () => {
  const stopped = { phase: STOPPED, step: 'stopped' };
  const gone = { state: NONE, step: 'gone' };

  it.each([
    ['backed-up', 'Its content was saved before it was removed.'],
    ['discarded', 'Its content was given up on purpose, or was never complete; nothing of it was saved.'],
    ['lost', 'Its content was gone before it could be saved.'],
  ])('%s: %s', (disposal, sentence) => {
    const { sentences, next } = explain(
      factsOf({ instance: { ...stopped, disposal, timeouts: [], waitingFor: 'nothing' } }),
    );
    expect(sentences).toContain(sentence);
    expect(next).toEqual([]);
  });

  it('goes on from its backup', () => {
    const content = { ...gone, lastBackup: backupOf(7n, ago(MINUTE)) };
    const { options } = explain(factsOf({ instance: { ...stopped, disposal: 'backed-up' }, content }));
    expect(options.map(({ command }) => command.join(' '))).toEqual([
      'start --workspace w --owner ada --from-backup --wait',
    ]);
  });

  it('without a backup there is only its history to look at', () => {
    expect(explain(factsOf({ content: gone })).options.map(({ command }) => command)).toEqual([
      ['history', 'i-1'],
    ]);
  });

  it('forgotten by all but the history', () => {
    const { sentences } = explain(
      factsOf({ history: ['content wrappingUp.recordingGone → gone recordingGone.done'] }),
    );
    expect(sentences).toEqual([
      'Nothing but its history is kept: the last step was wrappingUp.recordingGone → gone, at 13:59:59 UTC (1.0s ago).',
    ]);
  });
});

describe('the way that led here', () => {
  it('begins where the present phase did', () => {
    const lines = [
      'content none → settingUp.recordingRequest INIT',
      'content settingUp.announcing → available.idle announcing.done',
      'content available.idle → available.recordingJob BACKUP',
      'timer:backup waiting → due DEADLINE',
    ];
    expect(pathOf(lines.map((line, index) => transition(line, 10 - index))).map(({ to }) => to)).toEqual([
      'available.idle',
      'available.recordingJob',
      'due',
    ]);
  });

  it('is empty without any', () => {
    expect(pathOf([])).toEqual([]);
  });
});
