import type { Random } from '../gateways/random.js';
import type { ObjectName } from './object-storage.js';

/** What the checks of running programs write and remove again; not shown in lists. */
export const PROBE_FOLDER = 'steward-check/';

/** One for each program that checks. */
export function probeName(random: Random): ObjectName {
  return `${PROBE_FOLDER}${random.uuid()}`;
}
