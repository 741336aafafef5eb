import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** The standard health service: one answer for the program (the empty name) and one per service. */
export class Health {
  readonly #implementation = new HealthImplementation({ '': 'NOT_SERVING' });
  /** undefined: as the program. */
  readonly #services = new Map<string, boolean | undefined>();
  #program = false;
  #stopped = false;

  addTo(server: Server): void {
    this.#implementation.addToServer(server);
  }

  addService(name: string): void {
    this.#services.set(name, undefined);
    this.#publish();
  }

  /** For one service, or for the program and all services that were not set by themselves. */
  set(serving: boolean, service?: string): void {
    if (service === undefined) this.#program = serving;
    else this.#services.set(service, serving);
    this.#publish();
  }

  /** NOT_SERVING for good. */
  stop(): void {
    this.#stopped = true;
    this.#publish();
  }

  #publish(): void {
    const tell = (name: string, serving: boolean) => {
      this.#implementation.setStatus(name, serving && !this.#stopped ? 'SERVING' : 'NOT_SERVING');
    };
    tell('', this.#program);
    for (const [name, serving] of this.#services) tell(name, serving ?? this.#program);
  }
}
