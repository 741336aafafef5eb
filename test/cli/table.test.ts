import { describe, expect, it } from 'vitest';
import { type Column, tableLines } from '../../src/cli/table.js';

interface Row {
  readonly id: string;
  readonly note: string;
  readonly count: string;
}

const columns: readonly Column<Row>[] = [
  { title: 'ID', value: ({ id }) => id, whole: true },
  { title: 'NOTE', value: ({ note }) => note },
  { title: 'COUNT', value: ({ count }) => count, align: 'right' },
];
const rows = [
  {
    id: 'instance-with-a-long-id',
    note: 'a note that is longer than anything else in this table',
    count: '7',
  },
  { id: 'b', note: '', count: '1234' },
];

describe('tableLines', () => {
  it('aligns columns, numbers on the right, without blanks at the end of lines', () => {
    expect(
      tableLines(columns, [
        { id: 'a', note: 'x', count: '7' },
        { id: 'long', note: 'y', count: '10' },
      ]),
    ).toEqual(['ID    NOTE  COUNT', 'a     x         7', 'long  y        10']);
  });

  it('cuts the widest cells to fit, and never an id', () => {
    const lines = tableLines(columns, rows, 50);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(50);
    expect(lines[1]).toContain('instance-with-a-long-id');
    expect(lines[1]).toContain('…');
  });

  it('keeps everything where nobody tells a width', () => {
    expect(tableLines(columns, rows)[1]).toContain('than anything else in this table');
  });

  it('goes over the edge rather than making columns unreadable', () => {
    expect(tableLines(columns, rows, 10)[1]).toMatch(/^instance-with-a-long-id {2}a note …/);
  });

  it('lets no cell steer the terminal or break the line', () => {
    const [, line] = tableLines(columns, [{ id: 'a\x1b[2J', note: 'two\nlines\u202e', count: '1' }]);
    for (const character of ['\x1b', '\n', '\u202e']) expect(line).not.toContain(character);
    expect(line).toContain('two lines');
  });

  it('counts characters, not code units', () => {
    const [titles, line] = tableLines(columns, [{ id: '🚀🚀🚀', note: 'x', count: '1' }]);
    expect(titles?.indexOf('NOTE')).toBe([...(line ?? '')].join('').replace(/🚀/g, 'r').indexOf('x'));
  });
});
