import { StewardError } from '../../../src/errors/steward-error.js';
import type { SubscribeResponse, WorkspaceStatus } from '../../../src/gen/ws-manager-api/core.js';
import { SubscribeResponse as SubscribeResponses } from '../../../src/gen/ws-manager-api/core.js';
import type { AnswerStream } from '../../../src/grpc/client-stream.js';
import type { LifeClock } from './life-clock.js';
import type { SimulatedManager } from './manager.js';
import type { BridgeTrouble } from './trouble.js';

interface Options {
  readonly manager: SimulatedManager;
  readonly clock: LifeClock;
  readonly trouble: BridgeTrouble;
  /** The manager accepts at once, not with its first status. */
  readonly announces: boolean;
  /** The bridge has taken it out of the stream. */
  readonly onHeard: (status: WorkspaceStatus) => void;
}

/**
 * A stream of statuses, with the network between: messages are lost, come twice, late, in another order, or the stream
 * ends, or nothing comes and nobody is told.
 */
export class StatusSubscription implements AnswerStream<SubscribeResponse> {
  readonly started: Promise<void>;
  /** Resolves when it has ended, however. */
  readonly over: Promise<void>;
  /** Nothing comes any more, and it does not end. */
  isDeaf = false;
  readonly #options: Options;
  readonly #queue: SubscribeResponse[] = [];
  #start: () => void = () => undefined;
  #end: () => void = () => undefined;
  #refuse: (error: StewardError) => void = () => undefined;
  #hasStarted = false;
  /** No message overtakes those before it, unless it is late. */
  #notBefore = 0;
  #failure: StewardError | undefined;
  #wake: () => void = () => undefined;

  constructor(options: Options) {
    this.#options = options;
    this.started = new Promise((resolve, reject) => {
      this.#start = resolve;
      this.#refuse = reject;
    });
    this.started.catch(() => undefined);
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** That of the bridge that has it. */
  get clock(): LifeClock {
    return this.#options.clock;
  }

  /** It has come to its manager. */
  arrive(): void {
    if (this.#failure !== undefined) return;
    const { manager, announces } = this.#options;
    if (!manager.isUp) {
      this.fail('The manager is away.');
      return;
    }
    if (manager.isHanging) return;
    manager.subscriptions.add(this);
    if (announces) this.#travel(() => this.#accept());
  }

  /** Something has changed at the manager. */
  tell(status: WorkspaceStatus): void {
    if (this.isDeaf || this.#options.manager.isHanging) return;
    const { trouble, clock } = this.#options;
    const fault = trouble.message();
    if (fault === 'lost') return;
    const arrive = () => this.#hear(status);
    if (fault === 'late') {
      clock.deliver(trouble.delayMs(), arrive);
      return;
    }
    this.#travel(arrive);
    if (fault === 'twice') this.#travel(arrive);
  }

  /** The connection breaks. */
  cut(): void {
    this.abandon();
    this.#travel(() => this.fail('The connection was lost.'));
  }

  cancel(): void {
    this.fail('The call was cancelled.');
  }

  /** Its manager sees that nobody listens. */
  abandon(): void {
    this.#options.manager.subscriptions.delete(this);
  }

  fail(message: string): void {
    this.abandon();
    if (this.#failure !== undefined) return;
    this.#failure = new StewardError('unavailable', message);
    this.#refuse(this.#failure);
    this.#end();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscribeResponse> {
    try {
      while (true) {
        for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
          if (next.status !== undefined) this.#options.onHeard(next.status);
          yield next;
        }
        if (this.#failure !== undefined) throw this.#failure;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.cancel();
    }
  }

  #accept(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#start();
  }

  #hear(status: WorkspaceStatus): void {
    if (this.#failure !== undefined || this.isDeaf) return;
    this.#accept();
    this.#queue.push(SubscribeResponses.fromPartial({ status }));
    this.#wake();
  }

  #travel(arrive: () => void): void {
    const { clock, trouble } = this.#options;
    this.#notBefore = Math.max(this.#notBefore, clock.now() + trouble.latencyMs());
    clock.deliver(this.#notBefore - clock.now(), arrive);
  }
}
