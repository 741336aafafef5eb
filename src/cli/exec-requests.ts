import type { ExecRequest } from '../gen/steward/v1/runtime.js';
import { EXEC_INPUT_PIECE_BYTES, EXEC_INPUT_UNTAKEN_BYTES } from './bounds.js';

type Event = NonNullable<ExecRequest['event']>;

interface Piece {
  readonly event: Event;
  readonly bytes: number;
  readonly sent: () => void;
}

/**
 * What goes to a command. Signals and sizes go before input, of which no more is on its way than the manager takes
 * without waiting for the command: so they get through to one that does not read.
 */
export class ExecRequests implements AsyncIterable<ExecRequest> {
  #urgent: Event[] = [];
  #input: Piece[] = [];
  #sentBytes = 0;
  #takenBytes = 0;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(start: Event) {
    this.#urgent.push(start);
  }

  /** The same one is told once as long as it has not gone out. */
  signal(number: number): void {
    if (this.#urgent.some((event) => event.$case === 'signal' && event.value === number)) return;
    this.#urge({ $case: 'signal', value: number });
  }

  /** Of several sizes only the last one counts. */
  resize(value: { readonly columns: number; readonly rows: number }): void {
    this.#urgent = this.#urgent.filter(({ $case }) => $case !== 'resize');
    this.#urge({ $case: 'resize', value: { ...value } });
  }

  /** Resolves when it is on its way; false when nothing is sent any more. */
  async input(data: Uint8Array): Promise<boolean> {
    for (let from = 0; from < data.length; from += EXEC_INPUT_PIECE_BYTES) {
      const piece = Buffer.from(data.subarray(from, from + EXEC_INPUT_PIECE_BYTES));
      await this.#send({ $case: 'stdin', value: piece }, piece.length);
    }
    return !this.#isEnded;
  }

  async endInput(): Promise<void> {
    await this.#send({ $case: 'stdinEnd', value: {} }, 0);
  }

  /** So many bytes of the input the command has, in all. */
  taken(bytes: number): void {
    this.#takenBytes = bytes;
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    for (const { sent } of this.#input) sent();
    this.#input = [];
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ExecRequest> {
    while (!this.#isEnded) {
      const urgent = this.#urgent.shift();
      const piece = urgent === undefined ? this.#nextPiece() : undefined;
      const event = urgent ?? piece?.event;
      if (event === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      yield { event };
      piece?.sent();
    }
  }

  #nextPiece(): Piece | undefined {
    const [piece] = this.#input;
    if (piece === undefined) return undefined;
    if (this.#sentBytes - this.#takenBytes + piece.bytes > EXEC_INPUT_UNTAKEN_BYTES) return undefined;
    this.#sentBytes += piece.bytes;
    return this.#input.shift();
  }

  #urge(event: Event): void {
    if (this.#isEnded) return;
    this.#urgent.push(event);
    this.#wake();
  }

  #send(event: Event, bytes: number): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    return new Promise((resolve) => {
      this.#input.push({ event, bytes, sent: resolve });
      this.#wake();
    });
  }
}
