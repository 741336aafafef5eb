import { fromPromise } from 'xstate';
import { type BackupTimerRecordInput, backupTimerMachine } from '../../../machines/backup-timer.js';
import type { Done } from '../../../machines/effect.js';
import type { ContentRecords } from '../records/content-records.js';
import { deadline } from './deadline.js';
import { failure, type Performing } from './perform.js';

type Needs = Pick<Performing, 'clock' | 'random'>;

/** The backup timer with its effects: the clock, and its own part of its instance's record. */
export function backupTimer(needs: Needs, records: ContentRecords) {
  return backupTimerMachine.provide({
    actors: {
      deadline: deadline(needs),
      writeRecord: fromPromise<Done, BackupTimerRecordInput>(
        async ({ input: { instance, record }, signal }) => {
          try {
            await records.writeTimer(instance, record, signal);
          } catch (error) {
            throw failure(needs, error);
          }
          return { at: needs.clock.now() };
        },
      ),
    },
  });
}
