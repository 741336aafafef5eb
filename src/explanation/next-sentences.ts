import type { ContentStatus } from '../gen/steward/v1/content.js';
import type { InstanceState } from '../gen/steward/v1/instance.js';
import { WorkspacePhase } from '../gen/ws-manager-api/core.js';
import type { Facts } from './facts.js';
import type { Moments } from './moments.js';

interface Coming {
  /** Sorts them; things without a time come last. */
  readonly ms: bigint | undefined;
  readonly told: string;
}

/** What happens by itself, soonest first. */
export function nextSentences(facts: Facts, moments: Moments): readonly string[] {
  const { content, instance } = facts;
  const coming = [
    ...(instance === undefined ? [] : ofInstance(instance, content, moments)),
    ...(content === undefined ? [] : ofContent(content, moments)),
  ];
  return coming.sort(bySoonest).map(({ told }) => told);
}

function bySoonest({ ms: a }: Coming, { ms: b }: Coming): number {
  if (a === undefined || b === undefined) return (a === undefined ? 1 : 0) - (b === undefined ? 1 : 0);
  return a < b ? -1 : a > b ? 1 : 0;
}

function ofInstance(
  instance: InstanceState,
  content: ContentStatus | undefined,
  moments: Moments,
): readonly Coming[] {
  const { phase, parked, stop, nextAttemptMs, timeouts } = instance;
  if (parked !== '' || phase === WorkspacePhase.STOPPED) return [];
  return [
    ...waitOf(instance, content, moments),
    ...at(nextAttemptMs, (ms) => `It tries again ${moments.at(ms)}.`),
    ...(instance.step === 'stopping.endingCommand'
      ? at(stop?.killMs, (ms) => `What is left of its command is killed ${moments.at(ms)}.`)
      : []),
    ...timeouts.map(({ kind, atMs, suspended, movable }): Coming => {
      if (suspended) return { ms: undefined, told: `Maintenance keeps it from timing out (${kind}).` };
      const unless = movable ? ' unless somebody uses it before' : '';
      return { ms: atMs, told: `It times out ${moments.at(atMs)}${unless}: ${kind}.` };
    }),
  ];
}

/** The manager's longest wait is for the content, which tells more about itself. */
function waitOf(
  { waitingFor, deadlineMs, step }: InstanceState,
  content: ContentStatus | undefined,
  moments: Moments,
): readonly Coming[] {
  const isForContent = step === 'initializing.settingUp' || step === 'stopping.disposing';
  if (waitingFor === '' || (isForContent && content !== undefined)) return [];
  if (deadlineMs === undefined) return [{ ms: undefined, told: `It waits for ${waitingFor}.` }];
  return [{ ms: deadlineMs, told: `It waits for ${waitingFor} ${moments.until(deadlineMs)} at the latest.` }];
}

function ofContent(content: ContentStatus, moments: Moments): readonly Coming[] {
  const { parked, waitingFor, deadlineMs, nextAttemptMs, nextBackupMs, queue } = content;
  if (parked !== undefined) return [];
  const waiting = queue.filter(({ running }) => !running).length;
  return [
    ...at(deadlineMs, (ms) => {
      const what = waitingFor === '' ? 'the present step' : waitingFor;
      return `The content waits for ${what} ${moments.until(ms)} at the latest; then that counts as failed.`;
    }),
    ...at(nextAttemptMs, (ms) => `The next attempt with the content begins ${moments.at(ms)}.`),
    ...at(nextBackupMs, (ms) => `The next periodic backup is due ${moments.at(ms)}.`),
    ...(waiting === 0
      ? []
      : [
          {
            ms: undefined,
            told: `${waiting} more ${waiting === 1 ? 'backup or snapshot waits' : 'backups and snapshots wait'} for the present one.`,
          },
        ]),
  ];
}

function at(ms: bigint | undefined, told: (ms: bigint) => string): readonly Coming[] {
  return ms === undefined ? [] : [{ ms, told: told(ms) }];
}
