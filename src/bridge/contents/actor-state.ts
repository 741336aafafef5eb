import { contentStateOfStep } from '../../../machines/content-projection.js';
import { idProblem } from '../../../machines/ids.js';
import type { ContentStatus } from '../../gen/steward/v1/content.js';
import type { Transition } from '../../gen/steward/v1/transition.js';
import { WorkspaceContentState } from '../../gen/ws-daemon-api/daemon.js';
import { ACTOR_DETAIL_LENGTH_MAX, ACTOR_LENGTH_MAX, ACTOR_TEXT_LENGTH_MAX, TIME_MAX_MS } from '../bounds.js';
import { isoTime } from '../pipeline/iso-time.js';

/** The actor whose state is that of the whole content. */
export const CONTENT_ACTOR = 'content';
/** Decisions of people are history; nothing is in such a state. */
const PERSON = 'person';
/** What the column can hold. */
const SEQUENCE_LARGEST = 2n ** 63n - 1n;

/** Where one actor of one instance is, as its row has it. */
export interface ActorState {
  readonly instance: string;
  readonly actor: string;
  readonly node: string;
  /** Of the content, by its name on the wire; '' for other actors, undefined where the step does not tell. */
  readonly state: string | undefined;
  readonly step: string;
  readonly cause: string;
  readonly detail: string;
  /** Of its node; 0 where nobody knows. */
  readonly sequence: bigint;
  /** ISO text; '' where nobody knows. */
  readonly since: string;
}

/** Where the transition leads; undefined for one that leads nowhere, or that no row can hold. */
export function stateAfter(transition: Transition): ActorState | undefined {
  const { instanceId, actor, node, to, cause, detail, sequence, atMs } = transition;
  if (actor === PERSON || !isStorable(instanceId, actor, node, sequence)) return undefined;
  return {
    instance: instanceId,
    ...{ actor, node, sequence },
    state: actor === CONTENT_ACTOR ? contentStateOfStep(to) : '',
    step: to.slice(0, ACTOR_TEXT_LENGTH_MAX),
    cause: cause.slice(0, ACTOR_TEXT_LENGTH_MAX),
    detail: detail.slice(0, ACTOR_DETAIL_LENGTH_MAX),
    since: timeOf(atMs),
  };
}

/** What a status shows of an instance's actors. Of what is attached nobody knows when that was, so it gives way. */
export function statesIn(content: ContentStatus): readonly ActorState[] {
  const {
    instanceId: instance,
    node,
    state,
    step,
    cause,
    detail,
    sequence,
    stepSinceMs,
    attachments,
  } = content;
  if (!isStorable(instance, CONTENT_ACTOR, node, sequence)) return [];
  const own = {
    ...{ instance, actor: CONTENT_ACTOR, node, sequence, state: contentStateName(state) },
    step: step.slice(0, ACTOR_TEXT_LENGTH_MAX),
    cause: cause.slice(0, ACTOR_TEXT_LENGTH_MAX),
    detail: detail.slice(0, ACTOR_DETAIL_LENGTH_MAX),
    since: timeOf(stepSinceMs),
  };
  const attached = attachments.filter(({ name }) => isStorable(instance, name, node, 0n));
  return [
    own,
    ...attached.map(({ name: actor, state: at, target }) => ({
      ...{ instance, actor, node, sequence: 0n, state: '', cause: '', since: '' },
      step: at.slice(0, ACTOR_TEXT_LENGTH_MAX),
      detail: target.slice(0, ACTOR_DETAIL_LENGTH_MAX),
    })),
  ];
}

/** The name of a content state as the column has it: `AVAILABLE`; '' for one this version does not know. */
export function contentStateName(state: WorkspaceContentState): string {
  return (
    Object.entries(WorkspaceContentState).find(([, number]) => number === state && number >= 0)?.[0] ?? ''
  );
}

export function contentStateNamed(name: string): WorkspaceContentState {
  const found = Object.entries(WorkspaceContentState).find(([key]) => key === name);
  return found === undefined ? WorkspaceContentState.NONE : found[1];
}

function isStorable(instance: string, actor: string, node: string, sequence: bigint): boolean {
  const isActor = actor !== '' && actor.length <= ACTOR_LENGTH_MAX && node.length <= ACTOR_TEXT_LENGTH_MAX;
  return isActor && idProblem(instance) === undefined && sequence <= SEQUENCE_LARGEST;
}

function timeOf(milliseconds: bigint): string {
  const at = Number(milliseconds);
  return at > 0 && at <= TIME_MAX_MS ? isoTime(at) : '';
}
