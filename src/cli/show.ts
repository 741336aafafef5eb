import { TERMINAL_COLUMNS } from './bounds.js';
import type { Cli } from './cli.js';
import { plainText } from './plain-text.js';
import { type Style, styleFor } from './style.js';
import { type Column, tableLines } from './table.js';

/** Back to the beginning of the line, and what stands there goes (ECMA-48). */
const CLEAR_LINE = '\r\x1b[K';

/**
 * What the user sees. Results go to stdout: text for people, or with --json one object per line and nothing
 * else. Everything on the way goes to stderr, and nowhere with --quiet.
 */
export class Show {
  readonly json: boolean;
  /** For text on stdout. */
  readonly style: Style;
  /** For text on stderr. */
  readonly noteStyle: Style;
  readonly #cli: Pick<Cli, 'stdout' | 'stderr' | 'env'>;
  readonly #quiet: boolean;
  #isLive = false;

  constructor(cli: Pick<Cli, 'stdout' | 'stderr' | 'env'>, options: { json: boolean; quiet: boolean }) {
    this.#cli = cli;
    this.json = options.json;
    this.#quiet = options.quiet;
    this.style = styleFor(cli.stdout.isTerminal, cli.env);
    this.noteStyle = styleFor(cli.stderr.isTerminal, cli.env);
  }

  /** Whether somebody wants to see what happens on the way. */
  get wantsProgress(): boolean {
    return !this.#quiet && !this.json;
  }

  /** One result: `value` as a line of JSON, or the lines for people. */
  result(value: unknown, lines: readonly string[]): void {
    this.live(undefined);
    if (this.json) this.#cli.stdout.write(`${JSON.stringify(value, bigintsAsText)}\n`);
    else for (const line of lines) this.#cli.stdout.write(`${line}\n`);
  }

  /** Rows as a table for people, or one object per row. `empty` goes to people when there are none. */
  table<Row>(
    columns: readonly Column<Row>[],
    rows: readonly Row[],
    toJson: (row: Row) => unknown,
    empty: string,
  ): void {
    if (this.json) {
      for (const row of rows) this.result(toJson(row), []);
      return;
    }
    if (rows.length === 0) {
      this.note(empty);
      return;
    }
    const { isTerminal, columns: width } = this.#cli.stdout;
    const [titles = '', ...lines] = tableLines(
      columns,
      rows,
      isTerminal ? (width ?? TERMINAL_COLUMNS) : undefined,
    );
    this.result(undefined, [this.style.bold(titles), ...lines]);
  }

  /** Names and values below each other; entries without a value are left out. */
  details(entries: readonly (readonly [name: string, value: string | undefined])[]): readonly string[] {
    const shown = entries.filter((entry): entry is readonly [string, string] => (entry[1] ?? '') !== '');
    const width = Math.max(0, ...shown.map(([name]) => name.length));
    return shown.map(([name, value]) => `${this.style.dim(name.padEnd(width))}  ${plainText(value)}`);
  }

  /** A line for people about what goes on. */
  note(line: string): void {
    this.live(undefined);
    if (this.wantsProgress) this.#cli.stderr.write(`${line}\n`);
  }

  /** A line on a terminal that the next one, or anything else, replaces; elsewhere nothing. */
  live(line: string | undefined): void {
    const { stderr } = this.#cli;
    if (!this.wantsProgress || !stderr.isTerminal || (line === undefined && !this.#isLive)) return;
    this.#isLive = line !== undefined;
    stderr.write(`${CLEAR_LINE}${line ?? ''}`);
  }

  /** Bytes of somebody's output, as they are. */
  raw(bytes: Uint8Array): void {
    this.#cli.stdout.write(bytes);
  }
}

function bigintsAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
