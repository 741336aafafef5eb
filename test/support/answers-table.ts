import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A row of a table of answers. */
export interface StateRow {
  readonly state: string;
  readonly answers: readonly { readonly call: string; readonly answer: string }[];
}

/** The table of a page of docs/ whose first column is the state. */
export function readAnswersTable(name = 'answers.md'): readonly StateRow[] {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', name), 'utf8');
  const [, table = ''] = /\n(\| state \|[^\n]*\n(?:\|[^\n]*\n)*)/.exec(page) ?? [];
  const rows = table
    .split('\n')
    .filter((line) => line !== '')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const [header = [], , ...body] = rows;
  return body.map(([state = '', ...cells]) => ({
    state,
    answers: cells.map((answer, index) => ({ call: header[index + 1] ?? '', answer })),
  }));
}
