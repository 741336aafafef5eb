import { fc, test } from '@fast-check/vitest';
import { expect, it } from 'vitest';
import { wrapped } from '../../src/cli/wrapped.js';

it('puts words into lines, the first one and the others each with what they begin with', () => {
  expect(wrapped('one two three four', 9, '- ', '  ')).toEqual(['- one two', '  three', '  four']);
  expect(wrapped('', 10)).toEqual([]);
});

const words = fc.array(fc.stringMatching(/^[a-zé😀]{1,30}$/u), { maxLength: 40 });

test.prop([words, fc.integer({ min: 1, max: 50 })])(
  'loses no word, and only a word alone is too wide',
  (all, width) => {
    const lines = wrapped(all.join(' '), width);
    expect(lines.join(' ')).toBe(all.join(' '));
    for (const line of lines) expect([...line].length <= width || !line.includes(' ')).toBe(true);
  },
);
