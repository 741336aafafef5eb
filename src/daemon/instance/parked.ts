import type { InstanceId } from '../../../machines/ids.js';
import type { ParkedRecord } from '../../../machines/record.js';
import { StewardError } from '../../errors/steward-error.js';

/** The answer of every call that would change content which somebody parked. */
export function parkedByHand(instance: InstanceId, { reason }: ParkedRecord): StewardError {
  return new StewardError(
    'parked',
    `instance ${instance} was parked by a person; its content is kept as it is (${reason})`,
  );
}

/** The answer of calls to an instance whose restarts are used up. */
export function parkedByFailing(instance: InstanceId, reason: string): StewardError {
  return new StewardError(
    'parked',
    `instance ${instance} failed too often and waits for a person; its content is kept (${reason})`,
  );
}
