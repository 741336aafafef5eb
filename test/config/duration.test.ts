import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/config/duration.js';
import { formatBytes, parseQuantity } from '../../src/config/quantity.js';

describe('parseDuration', () => {
  it.each([
    ['0', 0],
    ['1h30m', 5_400_000],
    ['1h0m0s', 3_600_000],
    ['250ms', 250],
    ['1.5s', 1_500],
    ['.5s', 500],
    ['2m3.25s', 123_250],
    ['10us', 0.01],
    ['10µs', 0.01],
    ['100ns', 0.0001],
    ['-1m', -60_000],
    ['+1m', 60_000],
    [1_000_000_000, 1_000],
    [0, 0],
  ])('reads %j as %d ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBeCloseTo(milliseconds, 9);
  });

  it.each(['', '1', '1 h', 'h', '1d', '1h30', '--1s', '1,5s', 's1', '.s', 1.5, null, true, {}])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBeCloseTo(milliseconds, 6);
      }),
    );
  });

  it('prints as Go does', () => {
    const printed = [0, 5_400_000, 1_500, 250, 0.01, 61_000, -1_000].map(formatDuration);
    expect(printed).toEqual(['0s', '1h30m0s', '1.5s', '250ms', '10µs', '1m1s', '-1s']);
  });
});

describe('parseQuantity', () => {
  it.each([
    ['10Gi', 10 * 2 ** 30],
    ['500M', 500_000_000],
    ['1.5Ki', 1_536],
    ['500m', 0.5],
    ['1e3', 1_000],
    ['2E', 2e18],
    ['7', 7],
    [12, 12],
  ])('reads %j as %d', (text, amount) => {
    expect(parseQuantity(text)).toBe(amount);
  });

  it.each(['', 'Gi', '10 Gi', '10GB', '10gi', '1e3Ki', '10toString', '0x10', 'NaN', Number.NaN, null])(
    'refuses %j',
    (text) => {
      expect(parseQuantity(text)).toBeUndefined();
    },
  );

  it('prints bytes so that people can read them', () => {
    expect([0, 512, 1_536, 10 * 2 ** 30].map(formatBytes)).toEqual(['0', '512', '1.5Ki', '10Gi']);
  });
});
