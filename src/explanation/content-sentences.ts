import type { ContentStatus } from '../gen/steward/v1/content.js';
import { WorkspaceContentState } from '../gen/ws-daemon-api/daemon.js';
import type { Facts } from './facts.js';
import { heldSince } from './held-since.js';
import { sentenceEnd } from './instance-sentences.js';
import type { Moments } from './moments.js';
import { CONTENT_STEPS } from './step-words.js';

/** Where the content is, what it waits for, and how safe it is. */
export function contentSentences(
  { id, content, instance, transitions }: Facts,
  moments: Moments,
): readonly string[] {
  if (content === undefined) return [];
  // Without a manager that knows it, the content is all there is to tell of the instance.
  const whose = instance === undefined ? `The content of ${id}` : 'Its content';
  const since = heldSince(transitions, 'content', content.step, content.stepSinceMs);
  return [
    `${whose} ${CONTENT_STEPS[content.step] ?? `is at ${content.step}`}, ${moments.since(since)}.`,
    ...parked(content, moments),
    ...attempts(content),
    ...failure(content, moments),
    ...safety(content, moments),
  ];
}

function parked({ parked: found }: ContentStatus, moments: Moments): readonly string[] {
  return found === undefined
    ? []
    : [`It was parked ${moments.at(found.sinceMs)}: ${sentenceEnd(found.reason)}`];
}

function attempts({ attempts: count }: ContentStatus): readonly string[] {
  if (count === 0) return [];
  return [count === 1 ? 'One attempt failed.' : `${count} attempts failed.`];
}

function failure({ failure: found, parked: isParked }: ContentStatus, moments: Moments): readonly string[] {
  if (found === undefined || isParked?.reason === found.message) return [];
  return [`What failed last, ${moments.at(found.atMs)}: ${sentenceEnd(found.message)}`];
}

function safety(content: ContentStatus, moments: Moments): readonly string[] {
  const { state, lastBackup, backupAtRiskSinceMs: atRisk, remoteStorageDisabled } = content;
  const isHere = state === WorkspaceContentState.AVAILABLE || state === WorkspaceContentState.WRAPPING_UP;
  if (remoteStorageDisabled) return isHere ? ['It was started without backups, so it exists here only.'] : [];
  const saved =
    lastBackup === undefined
      ? isHere
        ? ['It has no backup yet.']
        : []
      : [`Its newest backup is version ${lastBackup.generation}, made ${moments.ago(lastBackup.createdMs)}.`];
  if (atRisk === undefined) return saved;
  return [
    ...saved,
    `What changed ${moments.since(atRisk)} exists on this node only, although a backup was due.`,
  ];
}
