import type { Actor, InspectionEvent } from 'xstate';
import { BACKUP_TIMER } from '../../../machines/backup-timer.js';
import { type AttachmentId, isAttachmentId } from '../../../machines/content-attachments.js';
import { causeOf, type StateValue, stepOf } from '../../../machines/content-projection.js';
import type { contentMachine } from '../../../machines/content-state.js';

/** A child of the content, by the name of its actor. */
type ChildId = AttachmentId | typeof BACKUP_TIMER;

/** One step of an actor, before it has a sequence number. `isDurable`: its record is on disk. */
export interface Moved {
  readonly actor: 'content' | ChildId;
  readonly from: string;
  readonly to: string;
  readonly cause: string;
  readonly detail: string | undefined;
  readonly isDurable: boolean;
}

/** Turns what XState's inspection says about an instance's actor and its children into steps with a cause. */
export class Follower {
  readonly #onMoved: (moved: Moved) => void;
  #step = 'none';
  /** Where the backup timer is, which most have. */
  #timer: string | undefined;
  /** Where each attachment that lives is; few have any. */
  #attachments: Map<AttachmentId, string> | undefined;

  constructor(onMoved: (moved: Moved) => void) {
    this.#onMoved = onMoved;
  }

  see(event: InspectionEvent, root: Actor<typeof contentMachine>): void {
    if (event.type !== '@xstate.snapshot') return;
    if (event.actorRef === root) this.#seeContent(event.event.type, root);
    else if ('id' in event.actorRef && typeof event.actorRef.id === 'string') {
      const { id } = event.actorRef;
      if (id === BACKUP_TIMER || isAttachmentId(id)) this.#seeChild(id, event.event.type, event.snapshot);
    }
  }

  #seeContent(event: string, root: Actor<typeof contentMachine>): void {
    const snapshot = root.getSnapshot();
    const to = stepOf(snapshot.value satisfies StateValue);
    if (to === this.#step) return;
    const from = this.#step;
    this.#step = to;
    const detail = failureIn(snapshot);
    this.#onMoved({
      ...{ actor: 'content', from, to, detail },
      cause: causeOf(event),
      isDurable: !snapshot.hasTag('recording'),
    });
  }

  /** A child that says it is there has recorded that; its steps need not wait for a record of the content. */
  #seeChild(actor: ChildId, event: string, snapshot: object): void {
    const to = 'value' in snapshot && typeof snapshot.value === 'string' ? snapshot.value : undefined;
    const from =
      actor === BACKUP_TIMER ? (this.#timer ?? 'off') : (this.#attachments?.get(actor) ?? 'absent');
    if (to === undefined || to === from) return;
    this.#keep(actor, 'status' in snapshot && snapshot.status !== 'active' ? undefined : to);
    this.#onMoved({ actor, from, to, cause: causeOf(event), detail: failureIn(snapshot), isDurable: true });
  }

  #keep(actor: ChildId, step: string | undefined): void {
    if (actor === BACKUP_TIMER) this.#timer = step;
    else if (step === undefined) this.#attachments?.delete(actor);
    else {
      this.#attachments ??= new Map();
      this.#attachments.set(actor, step);
    }
  }
}

/** Why the present or last step of an actor failed, in words. */
function failureIn(snapshot: object): string | undefined {
  const context = 'context' in snapshot ? snapshot.context : undefined;
  if (typeof context !== 'object' || context === null || !('failure' in context)) return undefined;
  const failure = ('rootFailure' in context ? context.rootFailure : undefined) ?? context.failure;
  if (typeof failure !== 'object' || failure === null) return undefined;
  return 'code' in failure && 'message' in failure ? `${failure.code}: ${failure.message}` : undefined;
}
