import type { SnapshotFrom } from 'xstate';
import { contentStateOf, stepOf } from '../../../machines/content-projection.js';
import type { contentMachine } from '../../../machines/content-state.js';
import type { ContentContext, ContentState } from '../../../machines/content-types.js';

/** One instance's content as callers may see it: the state, the step within it, and the data. */
export interface ContentView {
  readonly state: ContentState;
  /** `available.idle`, `wrappingUp.stranded`, … */
  readonly step: string;
  readonly context: ContentContext;
  /** The actor has ended: `gone`, `refused` or `failed` is its step. */
  readonly isOver: boolean;
}

export function viewOf(snapshot: SnapshotFrom<typeof contentMachine>): ContentView {
  return {
    state: contentStateOf(snapshot.value, snapshot.context),
    step: stepOf(snapshot.value),
    context: snapshot.context,
    isOver: snapshot.status !== 'active',
  };
}
