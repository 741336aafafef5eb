import { COLUMN_WIDTH_MIN } from './bounds.js';
import { plainText } from './plain-text.js';

export interface Column<Row> {
  readonly title: string;
  value(row: Row): string;
  /** Numbers read better on the right. */
  readonly align?: 'right';
  /** Never cut: ids are of no use without their end. */
  readonly whole?: boolean;
}

const GAP = '  ';
const CUT = '…';

/** Aligned lines, the titles first. Where `width` (in characters) is given the widest cells are cut to fit. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width?: number,
): readonly string[] {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => plainText(column.value(row)))),
  ];
  const natural = columns.map((_, index) => Math.max(...cells.map((line) => lengthOf(line[index] ?? ''))));
  const widths = width === undefined ? natural : fitted(columns, natural, width);
  return cells.map((line) =>
    line
      .map((cell, index) => pad(cut(cell, widths[index] ?? 0), widths[index] ?? 0, columns[index]?.align))
      .join(GAP)
      .trimEnd(),
  );
}

/** Takes from the widest column that may be cut, one character at a time, until the line fits. */
function fitted<Row>(columns: readonly Column<Row>[], natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, each) => sum + each, 0) + GAP.length * (columns.length - 1) - width;
  while (excess > 0) {
    const widest = widestOf(columns, widths);
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

function widestOf<Row>(columns: readonly Column<Row>[], widths: readonly number[]): number | undefined {
  let found: number | undefined;
  for (const [index, column] of columns.entries()) {
    const width = widths[index] ?? 0;
    if (column.whole === true || width <= COLUMN_WIDTH_MIN) continue;
    if (found === undefined || width > (widths[found] ?? 0)) found = index;
  }
  return found;
}

function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : characters.slice(0, width - 1).join('') + CUT;
}

function pad(text: string, width: number, align: 'right' | undefined): string {
  const blank = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return align === 'right' ? blank + text : text + blank;
}

function lengthOf(text: string): number {
  return [...text].length;
}
