import type { Clock, Timer } from '../gateways/clock.js';

/** Tells once when something that should speak now and then has been silent for too long while it was listened to. */
export class Silence {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #onTooLong: () => void;
  #timer: Timer | undefined;
  #wasTooLong = false;

  constructor(clock: Clock, limitMs: number, onTooLong: () => void) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#onTooLong = onTooLong;
  }

  get wasTooLong(): boolean {
    return this.#wasTooLong;
  }

  /** Silence counts from now on. */
  listen(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.schedule(this.#clock.now() + this.#limitMs, () => {
      this.#wasTooLong = true;
      this.#onTooLong();
    });
  }

  /** Nobody listens for a while, or any more. */
  rest(): void {
    this.#timer?.cancel();
  }
}
