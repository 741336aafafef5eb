import { formatBytes } from '../config/quantity.js';
import { StewardError } from '../errors/steward-error.js';
import type { TransferProgress } from '../gen/steward/v1/backup.js';
import { plainText } from './plain-text.js';
import type { Session } from './session.js';

/** How far something is, on stderr: one line that changes on a terminal, elsewhere a line for each new step. */
export class ProgressLine {
  readonly #session: Session;
  readonly #what: string;
  #step = '';

  constructor(session: Session, what: string) {
    this.#session = session;
    this.#what = what;
  }

  show({ step, doneBytes, totalBytes }: TransferProgress): void {
    const { cli, show } = this.#session;
    if (!show.wantsProgress) return;
    const isNew = step !== this.#step;
    this.#step = step;
    const line = `${this.#what}: ${plainText(step)}${amount(step, doneBytes, totalBytes)}`;
    if (cli.stderr.isTerminal) cli.stderr.write(`${CLEAR}${show.noteStyle.dim(line)}`);
    else if (isNew) show.note(`${this.#what}: ${plainText(step)}`);
  }

  /** Nothing of it stays on a terminal. */
  end(): void {
    const { cli, show } = this.#session;
    if (this.#step !== '' && show.wantsProgress && cli.stderr.isTerminal) cli.stderr.write(CLEAR);
  }
}

/** Back to the beginning of the line, and what stands there goes (ECMA-48). */
const CLEAR = '\r\x1b[K';

function amount(step: string, done: bigint, total: bigint): string {
  if (step === 'queued' || total === 0n) return '';
  return ` ${(done * 100n) / total} % of ${formatBytes(Number(total))}`;
}

/** What a stream of progress and one result may answer. */
interface Telling {
  readonly event:
    | { readonly $case: 'progress'; readonly value: TransferProgress }
    | { readonly $case: string; readonly value: unknown }
    | undefined;
}

/** Reads such a stream to its end and answers the message with the result. */
export async function resultOf<Answer extends Telling>(
  session: Session,
  what: string,
  answers: AsyncIterable<Answer>,
): Promise<Answer> {
  const line = new ProgressLine(session, what);
  let result: Answer | undefined;
  try {
    for await (const answer of answers) {
      if (isProgress(answer)) line.show(answer.event.value);
      else result = answer;
    }
  } finally {
    line.end();
  }
  if (result !== undefined) return result;
  throw new StewardError('unavailable', `the program ended the stream before ${what} was done`);
}

function isProgress(
  answer: Telling,
): answer is { readonly event: { readonly $case: 'progress'; readonly value: TransferProgress } } {
  return answer.event?.$case === 'progress';
}
