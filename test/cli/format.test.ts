import { describe, expect, it } from 'vitest';
import { formatTime, formatTimeOfDay } from '../../src/cli/format.js';
import { briefDuration } from '../../src/config/brief-duration.js';

describe('briefDuration', () => {
  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1_000, '1.0s'],
    [4_260, '4.2s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [200_000, '3m20s'],
    [5 * 3_600_000, '5h'],
    [47 * 3_600_000 + 60_000, '47h1m'],
    [12 * 86_400_000, '12d'],
    [-5, '0ms'],
  ])('%d ms is %s', (ms, text) => {
    expect(briefDuration(ms)).toBe(text);
  });
});

describe('times', () => {
  it('are in UTC and take what the wire gives', () => {
    expect(formatTime(1_700_000_000_123n)).toBe('2023-11-14T22:13:20.123Z');
  });

  it('of day have milliseconds', () => {
    expect(formatTimeOfDay(1_700_000_000_123)).toMatch(/^\d\d:13:20\.123$/);
  });
});
