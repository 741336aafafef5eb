import type { Clock } from '../gateways/clock.js';
import type { Random } from '../gateways/random.js';
import type { SupervisorEvent } from './events.js';
import type { FaultPoints } from './faults.js';
import { Registry } from './registry.js';
import type { SupervisionOptions } from './supervisor.js';

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** What all supervisors of one tree share. */
export class SharedContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults: FaultPoints | undefined;
  readonly registry = new Registry();
  readonly #onEvent: ((event: SupervisorEvent) => void) | undefined;
  #generation = 0;
  #observerFailures = 0;

  constructor(options: SupervisionOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.faults = options.faults;
    this.#onEvent = options.onEvent;
  }

  nextGeneration(): number {
    this.#generation += 1;
    return this.#generation;
  }

  get observerFailures(): number {
    return this.#observerFailures;
  }

  /** Sends an event out. An observer that throws must not disturb a supervisor, so it is only counted. */
  tell(event: WithoutTime<SupervisorEvent>): void {
    if (this.#onEvent === undefined) return;
    try {
      this.#onEvent({ ...event, at: this.clock.now() });
    } catch {
      this.#observerFailures += 1;
    }
  }
}
