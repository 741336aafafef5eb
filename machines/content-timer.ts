/**
 * The backup timer of content in use: a child actor that lives from when content is available until it is wrapped
 * up. It says when a backup is due, and is told how each one ended; what is on disk about it is its own to say.
 */
import { BACKUP_TIMER } from './backup-timer.js';
import { type BackupTimerLimits, backupTimerLimits } from './backup-timer-steps.js';
import { contentSetup } from './content-setup.js';
import type { ContentLimits } from './content-types.js';
import { failureOf, jitterOf, timeOf } from './effect-end.js';

/** Content that may be stored elsewhere gets a timer, unless the installation has none. */
export const startTimer = contentSetup.enqueueActions(({ context, event, enqueue }) => {
  const { identity, limits, request, timer, at } = context;
  if (limits.backupPeriodMs === 0 || request?.remoteStorageDisabled === true) return;
  enqueue.spawnChild('backupTimer', {
    id: BACKUP_TIMER,
    input: {
      instance: identity.instance,
      limits: timerLimits(limits),
      at,
      jitter: jitterOf(event),
      record: timer,
    },
  });
  enqueue.assign({ isTimerOn: true });
});

/** Out of the machine, which would keep it otherwise. Only one that broke is a failure of the content. */
export const dropTimer = contentSetup.enqueueActions(({ context, event, enqueue }) => {
  enqueue.stopChild(BACKUP_TIMER);
  if ('error' in event) {
    const failure = failureOf(event, context.at);
    enqueue.assign({ isTimerOn: false, at: failure.at, failure });
  } else enqueue.assign({ isTimerOn: false, at: timeOf(event, context.at) });
});

/** The timer may end at any time. */
export const timerEnds = { guard: 'isEndOfTimer', actions: dropTimer } as const;

/** The same for all timers that go by the same limits: there are thousands of them. */
function timerLimits(limits: ContentLimits): BackupTimerLimits {
  const known = limitsOfTimers.get(limits);
  if (known !== undefined) return known;
  const made = { ...backupTimerLimits, periodMs: limits.backupPeriodMs };
  limitsOfTimers.set(limits, made);
  return made;
}

const limitsOfTimers = new WeakMap<ContentLimits, BackupTimerLimits>();
