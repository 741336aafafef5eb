import { type Metadata, status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { StewardError } from '../errors/steward-error.js';
import type { Timer } from '../gateways/clock.js';
import type { World } from '../gateways/world.js';
import type { Tracer } from '../telemetry/tracing/tracer.js';
import { goStatusName } from './error-status.js';
import type { MethodMetrics } from './metrics.js';
import type { CallContext } from './service-types.js';

/** What all calls of a server share. */
export interface ServerScope {
  readonly world: Pick<World, 'clock' | 'random'>;
  readonly logger: Logger;
  readonly calls: Set<ActiveCall>;
  readonly sendLimitBytes: number;
  /** Makes spans of unary calls; nobody does without. */
  readonly tracer: Tracer | undefined;
  /** Called when the last running call has ended. */
  onIdle(): void;
}

/** One method as it was added. */
export interface MethodScope {
  readonly path: string;
  readonly timeoutMs: number | 'unlimited';
  readonly onStop: 'finish' | 'end';
  readonly metrics: MethodMetrics;
}

/** The part of grpc-js's calls that all kinds have. */
interface SurfaceCall {
  readonly metadata: Metadata;
  getPeer(): string;
  getDeadline(): Date | number;
  on(event: 'cancelled', listener: () => void): unknown;
}

/**
 * One call from its start to its answer. It ends once, by the handler or by an abort, whichever comes first:
 * a handler that never ends cannot keep its caller waiting, and what it does later reaches nobody.
 */
export class ActiveCall implements CallContext {
  readonly deadline: number;
  readonly #call: SurfaceCall;
  readonly #server: ServerScope;
  readonly #scope: MethodScope;
  readonly #startedAt: number;
  readonly #timer: Timer | undefined;
  #onAbort: (error: StewardError) => void = () => {};
  #controller: AbortController | undefined;
  #reason: StewardError | undefined;
  #ended = false;

  constructor(call: SurfaceCall, server: ServerScope, scope: MethodScope) {
    const { clock } = server.world;
    this.#call = call;
    this.#server = server;
    this.#scope = scope;
    this.#startedAt = clock.monotonic();
    const latest = scope.timeoutMs === 'unlimited' ? Number.POSITIVE_INFINITY : clock.now() + scope.timeoutMs;
    this.deadline = Math.min(Number(call.getDeadline()), latest);
    if (this.deadline !== Number.POSITIVE_INFINITY) {
      this.#timer = clock.schedule(this.deadline, () => this.abort(overdue(scope.path)));
    }
    scope.metrics.started();
    server.calls.add(this);
    call.on('cancelled', () => this.abort(this.#whyCancelled()));
  }

  get method(): string {
    return this.#scope.path;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get metadata(): Metadata {
    return this.#call.metadata;
  }

  get logger(): Logger {
    return this.#server.logger;
  }

  /** Made when it is first asked for: most calls never need it. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get onStop(): MethodScope['onStop'] {
    return this.#scope.onStop;
  }

  /** Says how the caller is answered when the call is aborted; there is one such way. */
  answerAbortWith(answer: (error: StewardError) => void): void {
    this.#onAbort = answer;
  }

  /** Ends the call with `error` unless it has ended. */
  abort(error: StewardError): void {
    if (this.#ended) return;
    this.#reason = error;
    this.#onAbort(error);
    this.#controller?.abort(error);
  }

  /** True for the first caller only, who then has to answer. */
  end(code: status): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#timer?.cancel();
    const seconds = (this.#server.world.clock.monotonic() - this.#startedAt) / 1000;
    this.#scope.metrics.handled(goStatusName(code), seconds);
    this.#server.calls.delete(this);
    if (this.#server.calls.size === 0) this.#server.onIdle();
    return true;
  }

  /** What the caller is told about something thrown; what nobody foresaw is told by an id only. */
  failure(thrown: unknown): StewardError {
    if (thrown instanceof StewardError) {
      this.#logFailure(thrown);
      return thrown;
    }
    if (this.#reason !== undefined) return this.#reason;
    const id = this.#server.world.random.uuid();
    this.logger.error({ err: thrown, method: this.method, errorId: id }, 'a call failed unexpectedly');
    return new StewardError('internal', `internal error ${id}`, { cause: thrown });
  }

  #logFailure(error: StewardError): void {
    const { status: code } = error.entry;
    const serious = code === status.INTERNAL || code === status.DATA_LOSS || code === status.UNKNOWN;
    if (serious) this.logger.warn({ err: error, method: this.method }, 'a call failed');
    else this.logger.debug({ err: error, method: this.method }, 'a call failed');
  }

  #whyCancelled(): StewardError {
    if (this.#server.world.clock.now() >= this.deadline) return overdue(this.method);
    return new StewardError('cancelled', 'the caller went away');
  }
}

function overdue(method: string): StewardError {
  return new StewardError('deadline-exceeded', `${method} took longer than it may`);
}
