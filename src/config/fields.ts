import { z } from 'zod';
import { parseDuration } from './duration.js';
import { parseQuantity } from './quantity.js';

/** Milliseconds, written as Go writes durations (`1h30m`) or as a number of nanoseconds. Not negative. */
export function duration() {
  return z
    .union([z.string(), z.number()])
    .meta({ description: 'A duration such as "1h30m" or "250ms".', examples: ['1h30m'] })
    .transform((value, context) => {
      const milliseconds = parseDuration(value);
      if (milliseconds !== undefined && milliseconds >= 0) return milliseconds;
      context.addIssue('expected a duration such as "1h30m" or "250ms", not negative');
      return z.NEVER;
    });
}

/** An amount, written as Kubernetes writes them (`2`, `500m`). Not negative. */
export function quantity() {
  return z
    .union([z.string(), z.number()])
    .meta({ description: 'An amount such as "2" or "500m".', examples: ['500m'] })
    .transform((value, context) => {
      const amount = parseQuantity(value);
      if (amount !== undefined && amount >= 0) return amount;
      context.addIssue('expected an amount such as "2" or "500m", not negative');
      return z.NEVER;
    });
}

/** Whole bytes, written as Kubernetes writes sizes (`10Gi`). Not negative. */
export function size() {
  return z
    .union([z.string(), z.number()])
    .meta({ description: 'A size in bytes such as "10Gi" or "500M".', examples: ['10Gi'] })
    .transform((value, context) => {
      const bytes = parseQuantity(value);
      if (bytes !== undefined && bytes >= 0 && Number.isSafeInteger(bytes)) return bytes;
      context.addIssue('expected a size such as "10Gi" or "500M", in whole bytes');
      return z.NEVER;
    });
}
