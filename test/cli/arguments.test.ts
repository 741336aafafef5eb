import { describe, expect, it } from 'vitest';
import {
  countArgument,
  durationArgument,
  idArgument,
  sequenceArgument,
  variableArgument,
} from '../../src/cli/arguments.js';

describe('arguments', () => {
  it('of durations are written as Go writes them', () => {
    expect(durationArgument('1h30m')).toBe(5_400_000);
    expect(durationArgument('250ms')).toBe(250);
    for (const bad of ['', '10', 'soon', '0s', '-1s']) expect(() => durationArgument(bad)).toThrow();
  });

  it('of ids are checked before anything is sent', () => {
    expect(idArgument('abc-1')).toBe('abc-1');
    for (const bad of ['', '../x', 'a/b', 'a b', '-rf', 'x'.repeat(10_000), 'a\nb']) {
      expect(() => idArgument(bad)).toThrow('The id');
    }
  });

  it('of sequences may be larger than numbers are exact', () => {
    expect(sequenceArgument('9007199254740993')).toBe(9_007_199_254_740_993n);
    expect(() => sequenceArgument('-1')).toThrow();
  });

  it('of counts are whole', () => {
    expect(countArgument('20')).toBe(20);
    for (const bad of ['1.5', '-1', '']) expect(() => countArgument(bad)).toThrow();
  });

  it('of variables collect, and keep what follows the first "="', () => {
    const first = variableArgument('A=1=2');
    expect(variableArgument('B', first)).toEqual([
      { name: 'A', value: '1=2' },
      { name: 'B', value: undefined },
    ]);
    for (const bad of ['=x', '1A=x', 'A B=x']) expect(() => variableArgument(bad)).toThrow('NAME=VALUE');
  });
});
