import { describe, expect, it } from 'vitest';
import { createActor, createMachine, fromPromise, toPromise, waitFor } from 'xstate';
import { backupTimerMachine } from '../../machines/backup-timer.js';
import { type BackupTimerRecord, backupTimerLimits } from '../../machines/backup-timer-steps.js';
import type { Drawn } from '../../machines/effect.js';
import { identity } from './relations/content-data.js';

const MINUTE_MS = 60_000;

describe('the backup timer', () => {
  it('falls due about every five minutes, for as long as backups succeed', async () => {
    const { actor, due } = running();
    await waitFor(actor, (snapshot) => snapshot.matches('running'));
    actor.send({ type: 'BACKUP_DONE', at: 5 * MINUTE_MS + 7_000, run: 1, jitter: 0.5 });
    await waitFor(actor, (snapshot) => snapshot.matches('running') && snapshot.context.run === 2);
    expect(due).toEqual([
      { type: 'BACKUP_DUE', at: 5 * MINUTE_MS, run: 1 },
      { type: 'BACKUP_DUE', at: 10 * MINUTE_MS + 7_000, run: 2 },
    ]);
  });

  it('makes up for any number of missed backups by one', async () => {
    const { actor, due } = running({ nextAt: 1, run: 9, failures: 0 }, MINUTE_MS);
    await waitFor(actor, (snapshot) => snapshot.matches('running'));
    expect(due).toEqual([{ type: 'BACKUP_DUE', at: MINUTE_MS + backupTimerLimits.catchUpMs / 2, run: 10 }]);
  });

  it('waits longer after every failure, and never longer than the bound', async () => {
    const { actor, due } = running();
    const pauses: number[] = [];
    for (let run = 1; run <= 12; run += 1) {
      const { context } = await waitFor(
        actor,
        (snapshot) => snapshot.matches('running') && snapshot.context.run === run,
      );
      const failure = {
        at: context.at,
        code: 'storage-unavailable',
        message: '',
        retryable: true,
        jitter: 0.999,
      };
      actor.send({ type: 'BACKUP_FAILED', at: context.at, run, failure });
      pauses.push(actor.getSnapshot().context.nextAt - context.at);
    }
    expect(pauses).toEqual([...pauses].sort((left, right) => left - right));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(backupTimerLimits.pauseMaxMs);
    expect(due.length).toBeGreaterThanOrEqual(12);
  });

  it('ends when it is told to, after the answer of the backup under way', async () => {
    const { actor } = running();
    await waitFor(actor, (snapshot) => snapshot.matches('running'));
    actor.send({ type: 'STOP', at: 6 * MINUTE_MS });
    expect(actor.getSnapshot().value).toBe('stopping');
    actor.send({ type: 'BACKUP_DONE', at: 6 * MINUTE_MS, run: 1, jitter: 0 });
    expect(await toPromise(actor)).toEqual({ at: 6 * MINUTE_MS, how: 'clean' });
  });
});

/** A timer whose next backup is due at once, and whose other deadlines never come; and what it tells its owner. */
function running(record?: BackupTimerRecord, at = 0) {
  const due: object[] = [];
  const machine = backupTimerMachine.provide({
    actors: {
      deadline: fromPromise<Drawn, { readonly at: number }>(async ({ input }) => {
        await Promise.resolve();
        return actor.getSnapshot().matches('waiting') ? { at: input.at, jitter: 0 } : new Promise(() => {});
      }),
      writeRecord: fromPromise(async () => ({ at: actor.getSnapshot().context.at })),
    },
  });
  const owner = createActor(
    createMachine({ on: { BACKUP_DUE: { actions: ({ event }) => due.push(event) } } }),
  ).start();
  const input = {
    instance: identity().instance,
    limits: backupTimerLimits,
    at,
    jitter: 0.5,
    record,
  };
  const actor = createActor(machine, { input, parent: owner });
  actor.start();
  return { actor, due };
}
