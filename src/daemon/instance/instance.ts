import { Actor, createActor, type InspectionEvent } from 'xstate';
import type { ContentEvent, ContentInput } from '../../../machines/content-setup.js';
import type { contentMachine } from '../../../machines/content-state.js';
import type { Identity } from '../../../machines/content-types.js';
import { StewardError } from '../../errors/steward-error.js';
import { type AttachmentView, attachmentsIn, type TimerView, timerIn } from './children.js';
import { Follower, type Moved } from './follower.js';
import { Lane } from './lane.js';
import { type ContentView, viewOf } from './view.js';

export interface Latest {
  readonly cause: string;
  readonly at: number;
  readonly sequence: number;
}

export interface InstanceOptions {
  readonly machine: typeof contentMachine;
  readonly input: ContentInput;
  readonly onMoved: (moved: Moved) => void;
}

/** Somebody who waits for an answer: looks at each view, and is told when there will be none. */
interface Watcher {
  readonly look: (view: ContentView) => void;
  readonly fail: (error: StewardError) => void;
}

/** The living actor of one instance. What it says of itself is on disk by the time a view shows it as done. */
export class Instance {
  readonly identity: Identity;
  /** The effects of this instance, one at a time. */
  readonly lane = new Lane();
  /** What led to the present step, and when; `sequence` is 0 until its record is on disk. */
  latest: Latest = { cause: 'start', at: 0, sequence: 0 };
  readonly #actor: Actor<typeof contentMachine>;
  /** Present while somebody waits. */
  #watchers: Set<Watcher> | undefined;
  readonly #over: Promise<ContentView>;
  /** Set when it has ended without a last view: it crashed, or was halted. */
  #end: StewardError | undefined;

  constructor(options: InstanceOptions) {
    this.identity = options.input.kind === 'new' ? options.input.identity : options.input.record.identity;
    const follow = new Follower(options.onMoved);
    this.#actor = createActor(options.machine, {
      input: options.input,
      inspect: (event) => {
        forgetOptions(event);
        follow.see(event, this.#actor);
      },
    });
    this.#over = new Promise((resolve, reject) => {
      this.#actor.subscribe({
        next: (snapshot) => this.#changed(viewOf(snapshot)),
        error: (thrown) => {
          this.#endWith(new StewardError('unavailable', 'the instance failed and is started again'));
          reject(thrown);
        },
        complete: () => resolve(this.view),
      });
    });
    // Whoever supervises this instance listens; until then a crash must not count as unhandled.
    this.#over.catch(() => undefined);
  }

  start(): void {
    this.#actor.start();
  }

  /** Leaves everything as it is recorded; effects are aborted. Whoever waits is told `why`, and nothing afterwards. */
  halt(why = new StewardError('unavailable', 'the daemon is stopping')): void {
    this.#actor.stop();
    this.#endWith(why);
  }

  get view(): ContentView {
    return viewOf(this.#actor.getSnapshot());
  }

  /** undefined while no backup timer lives. */
  get timer(): TimerView | undefined {
    return timerIn(this.#actor.getSnapshot());
  }

  /** In the order they were attached. */
  get attachments(): readonly AttachmentView[] {
    return attachmentsIn(this.#actor.getSnapshot());
  }

  /** Settles when the actor has ended by itself: resolves with the last view, rejects when it crashed. */
  get over(): Promise<ContentView> {
    return this.#over;
  }

  send(event: ContentEvent): void {
    this.#actor.send(event);
  }

  /**
   * Resolves with the first answer `decide` gives to a view, the present one included. Rejects with the signal's
   * reason when the caller goes away or runs out of time; the work goes on.
   */
  waitFor<Answer>(decide: (view: ContentView) => Answer | undefined, signal?: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        this.#forget(watcher);
        signal?.removeEventListener('abort', leave);
        settle();
      };
      const look = (view: ContentView) => {
        try {
          const answer = decide(view);
          if (answer !== undefined) finish(() => resolve(answer));
        } catch (error) {
          finish(() => reject(error));
        }
      };
      const fail = (error: StewardError) => finish(() => reject(error));
      const watcher: Watcher = { look, fail };
      const leave = () => finish(() => reject(signal?.reason));
      if (signal?.aborted === true) {
        leave();
        return;
      }
      signal?.addEventListener('abort', leave, { once: true });
      this.#watchers ??= new Set();
      this.#watchers.add(watcher);
      look(this.view);
      if (this.#end !== undefined) fail(this.#end);
    });
  }

  #forget(watcher: Watcher): void {
    this.#watchers?.delete(watcher);
    if (this.#watchers?.size === 0) this.#watchers = undefined;
  }

  #changed(view: ContentView): void {
    for (const { look } of this.#watchers ?? []) look(view);
  }

  /** Nothing comes any more: effects are given up, and whoever waits learns it. */
  #endWith(error: StewardError): void {
    this.#end ??= error;
    this.lane.abort(error);
    for (const { fail } of this.#watchers ?? []) fail(error);
  }
}

/** Read until an actor has started. XState keeps an object of a shape of its own for each, and there are thousands. */
const OF_STARTED_ACTORS = { input: undefined };

function forgetOptions({ type, actorRef }: InspectionEvent): void {
  if (type === '@xstate.snapshot' && actorRef instanceof Actor) actorRef.options = OF_STARTED_ACTORS;
}
