import type { Transition } from '../../machines/transition.js';
import type { WatchTransitionsRequest, WatchTransitionsResponse } from '../gen/steward/v1/content_service.js';
import type { CallContext } from '../grpc/service-types.js';
import type { Journal } from '../records/journal.js';
import type { Publisher } from '../records/publisher.js';
import type { ProgressNote, StreamItem } from '../records/subscriber-queue.js';
import { wireTransition } from './wire-transition.js';

/** Where a program keeps and tells its transitions. */
export interface TransitionSource {
  readonly journal: Pick<Journal<Transition>, 'last'>;
  readonly publisher: Pick<Publisher, 'subscribe'>;
}

/**
 * The kept transitions from a sequence on, then, with `follow`, the new ones. A caller that was too slow, or asks
 * for what is no longer kept, is told which ones are missing and goes on with the next.
 */
export async function* watchTransitions(
  source: TransitionSource,
  node: string,
  request: WatchTransitionsRequest,
  call: CallContext,
): AsyncGenerator<WatchTransitionsResponse> {
  const wanted = new Set(request.instanceIds);
  const newest = source.journal.last;
  const from = request.fromSequenceByNode[node] ?? request.fromSequence;
  let next = from === undefined ? newest + 1 : Number(from);
  let hasCaughtUp = next > newest;
  if (hasCaughtUp) yield caughtUp(node, newest);
  if (hasCaughtUp && !request.follow) return;
  while (!call.signal.aborted) {
    let isLost = false;
    const subscription = { signal: call.signal, after: next - 1, wantsProgress: request.follow };
    for await (const item of source.publisher.subscribe(subscription)) {
      const gap = gapIn(item, next, node);
      if (gap !== undefined) yield gap;
      if (item.kind === 'lost') isLost = true;
      next = nextAfter(item, next);
      if (item.kind === 'transition' && (wanted.size === 0 || wanted.has(item.transition.instance))) {
        yield { event: { $case: 'transition', value: wireTransition(item.transition, node) } };
      }
      if (item.kind === 'progress' && (wanted.size === 0 || wanted.has(item.note.instance))) {
        yield progress(node, item.note);
      }
      if (!hasCaughtUp && next > newest) {
        hasCaughtUp = true;
        yield caughtUp(node, newest);
        if (!request.follow) return;
      }
    }
    if (!isLost) return;
  }
}

function nextAfter(item: StreamItem, next: number): number {
  switch (item.kind) {
    case 'transition':
      return item.transition.sequence + 1;
    case 'progress':
      return next;
    case 'gone':
      return item.oldest;
    case 'lost':
      return Math.max(next, item.resumeAfter + 1);
  }
}

function gapIn(item: StreamItem, next: number, node: string): WatchTransitionsResponse | undefined {
  if (item.kind !== 'gone' || item.oldest <= next) return undefined;
  const value = { node, fromSequence: BigInt(next), toSequence: BigInt(item.oldest - 1) };
  return { event: { $case: 'gap', value } };
}

function caughtUp(node: string, sequence: number): WatchTransitionsResponse {
  return { event: { $case: 'caughtUp', value: { node, sequence: BigInt(sequence) } } };
}

function progress(
  node: string,
  { at, instance, step, bytes, percent }: ProgressNote,
): WatchTransitionsResponse {
  const part = percent === undefined ? undefined : Math.floor(percent);
  const value = { node, instanceId: instance, atMs: BigInt(at), step, doneBytes: BigInt(Math.floor(bytes)) };
  return { event: { $case: 'progress', value: { ...value, percent: part } } };
}
