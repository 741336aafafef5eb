import { StringDecoder } from 'node:string_decoder';
import type { Session } from './session.js';

/** Output of a command as it is; with --json one object per line of it, because pieces may end inside a character. */
export class ExecOutput {
  readonly #session: Session;
  readonly #lines: Readonly<Record<Stream, Lines>>;

  constructor(session: Session) {
    this.#session = session;
    const { show } = session;
    const linesOf = (stream: Stream) => new Lines((text) => show.result({ [stream]: text }, []));
    this.#lines = { stdout: linesOf('stdout'), stderr: linesOf('stderr') };
  }

  write(stream: Stream, data: Uint8Array): void {
    const { cli, show } = this.#session;
    if (show.json) this.#lines[stream].add(data);
    else cli[stream].write(data);
  }

  end(exitCode: number): void {
    const { show } = this.#session;
    if (!show.json) return;
    for (const lines of Object.values(this.#lines)) lines.end();
    show.result({ exitCode }, []);
  }
}

type Stream = 'stdout' | 'stderr';

/** Bytes as lines of text. */
export class Lines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #emit: (line: string) => void;
  #rest = '';

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  add(data: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.write(Buffer.from(data))).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#emit(line);
  }

  end(): void {
    const rest = this.#rest + this.#decoder.end();
    if (rest !== '') this.#emit(rest);
    this.#rest = '';
  }
}
