import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A row of the table in docs/answers.md. */
export interface StateRow {
  readonly state: string;
  readonly answers: readonly { readonly call: string; readonly answer: string }[];
}

export function readAnswersTable(): readonly StateRow[] {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'answers.md'), 'utf8');
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('|'))
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
