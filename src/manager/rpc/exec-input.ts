import type { RunningExec } from '../../runtime/exec.js';
import { EXEC_INPUT_TOLD_BYTES, EXEC_INPUT_WAITING_BYTES } from '../bounds.js';

/** What a caller types, on its way to the command. It waits here, so that what must not wait can overtake it. */
export class WaitingInput {
  readonly #running: RunningExec;
  readonly #onTaken: () => void;
  #waitingBytes = 0;
  #takenBytes = 0;
  #toldBytes = 0;
  #last: Promise<void> = Promise.resolve();
  #makeRoom: () => void = () => {};

  /** `onTaken` is called when there is something to tell. */
  constructor(running: RunningExec, onTaken: () => void) {
    this.#running = running;
    this.#onTaken = onTaken;
  }

  /** Resolves when there is room for more; one piece may go beyond it. */
  async add(data: Uint8Array): Promise<void> {
    this.#waitingBytes += data.length;
    this.#last = this.#last.then(async () => {
      await this.#running.write(data);
      this.#taken(data.length);
    });
    while (this.#waitingBytes > EXEC_INPUT_WAITING_BYTES) {
      await new Promise<void>((resolve) => {
        this.#makeRoom = resolve;
      });
    }
  }

  /** No more comes. */
  end(): void {
    this.#last = this.#last.then(() => this.#running.endInput());
  }

  /** Bytes taken in all, when that is enough to tell and was not told. */
  news(): number | undefined {
    if (this.#takenBytes - this.#toldBytes < EXEC_INPUT_TOLD_BYTES) return undefined;
    this.#toldBytes = this.#takenBytes;
    return this.#takenBytes;
  }

  #taken(bytes: number): void {
    this.#waitingBytes -= bytes;
    this.#takenBytes += bytes;
    this.#makeRoom();
    if (this.#takenBytes - this.#toldBytes >= EXEC_INPUT_TOLD_BYTES) this.#onTaken();
  }
}
