import type { ExecResponse } from '../../gen/steward/v1/runtime.js';
import type { ExecOutput, RunningExec } from '../../runtime/exec.js';
import type { WaitingInput } from './exec-input.js';

/** Wakes who waits for it. */
export class Bell {
  #wake: () => void = () => {};

  ring(): void {
    this.#wake();
  }

  /** Resolves when it rings the next time. For one who waits. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

type Arrival =
  | { readonly kind: 'output'; readonly result: IteratorResult<ExecOutput> }
  | { readonly kind: 'failure'; readonly error: unknown };

/** What a command says, and between that how much of its input it has taken, for which the bell rings. */
export async function* answersOf(
  running: RunningExec,
  input: WaitingInput,
  bell: Bell,
): AsyncGenerator<ExecResponse> {
  const output = running.output[Symbol.asyncIterator]();
  const arrived: Arrival[] = [];
  const arrive = (arrival: Arrival) => {
    arrived.push(arrival);
    bell.ring();
  };
  const ask = () => {
    output.next().then(
      (result) => arrive({ kind: 'output', result }),
      (error) => arrive({ kind: 'failure', error }),
    );
  };
  ask();
  for (;;) {
    const taken = input.news();
    if (taken !== undefined) yield { event: { $case: 'stdinTaken', value: BigInt(taken) } };
    const arrival = arrived.shift();
    if (arrival === undefined) {
      if (taken === undefined) await bell.next();
      continue;
    }
    if (arrival.kind === 'failure') throw arrival.error;
    if (arrival.result.done === true) return;
    const { stream, data } = arrival.result.value;
    yield { event: { $case: stream, value: Buffer.from(data) } };
    ask();
  }
}
